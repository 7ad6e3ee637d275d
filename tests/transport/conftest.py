"""What the transport's tests share."""

from tests.certificates import authority, stranger

__all__ = ["authority", "stranger"]
