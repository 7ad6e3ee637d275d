"""A write on its way: whoever waits for it, in whichever way, is told once."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable

import pytest

from engine.errors import StoreError
from engine.store.pending import Write, complete


def test_it_has_no_result_before_it_is_done() -> None:
    with pytest.raises(StoreError, match="not durable yet"):
        Write().result()


def test_waiting_gives_up_at_the_timeout_and_may_be_tried_again() -> None:
    write: Write[int] = Write()
    with pytest.raises(TimeoutError):
        write.wait(0.001)
    complete([(write, 7)], None)
    assert write.wait(0) == 7


def test_a_failure_is_raised_to_everyone_who_asks() -> None:
    write: Write[int] = Write()
    complete([(write, StoreError("full"))], None)
    for ask in (write.result, write.wait):
        with pytest.raises(StoreError, match="full"):
            ask()


def test_none_is_a_result_too() -> None:
    write: Write[None] = Write()
    complete([(write, None)], None)
    assert write.result() is None


def test_calls_come_from_one_wake_for_the_whole_batch() -> None:
    writes: list[Write[int]] = [Write() for _ in range(5)]
    told: list[int] = []
    wakes: list[Callable[[], None]] = []
    for number, write in enumerate(writes):
        write.add_done(lambda n=number: told.append(n))
    complete([(write, 1) for write in writes], wakes.append)
    assert (told, len(wakes)) == ([], 1)
    wakes[0]()
    assert told == [0, 1, 2, 3, 4]


def test_a_call_added_when_it_is_done_comes_at_once_and_only_once() -> None:
    write: Write[int] = Write()
    told: list[str] = []
    wakes: list[Callable[[], None]] = []
    write.add_done(lambda: told.append("before"))
    complete([(write, 1)], wakes.append)
    write.add_done(lambda: told.append("after"))
    wakes[0]()
    assert told == ["after", "before"]


def test_nobody_is_woken_when_nobody_waits() -> None:
    wakes: list[Callable[[], None]] = []
    complete([(Write(), 1)], wakes.append)
    assert wakes == []


def test_threads_that_wait_go_on_without_a_wake() -> None:
    write: Write[int] = Write()
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(write.wait(10))) for _ in range(3)]
    for thread in threads:
        thread.start()
    complete([(write, 3)], lambda call: None)
    for thread in threads:
        thread.join()
    assert results == [3, 3, 3]


@pytest.mark.parametrize("with_wake", [True, False], ids=["woken by the loop", "from the writer's thread"])
async def test_many_tasks_may_await_one_write_and_one_may_be_cancelled(with_wake: bool) -> None:
    write: Write[int] = Write()

    async def waiter() -> int:
        return await write

    tasks = [asyncio.create_task(waiter()) for _ in range(4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    wake = asyncio.get_running_loop().call_soon_threadsafe if with_wake else None
    await asyncio.to_thread(complete, [(write, 5)], wake)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [5, 5, 5]
    assert await write == 5


async def test_it_may_be_awaited_on_another_loop_than_the_one_that_is_woken() -> None:
    write: Write[int] = Write()

    async def waiter() -> int:
        return await write

    elsewhere = asyncio.create_task(asyncio.to_thread(asyncio.run, waiter()))
    while write._future is None:  # noqa: ASYNC110 - there is no event to wait for in the other loop
        await asyncio.sleep(0)
    complete([(write, 9)], asyncio.get_running_loop().call_soon_threadsafe)
    assert await elsewhere == 9


def test_a_closed_loop_does_not_hurt_the_writer() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    write: Write[int] = Write()
    write.add_done(lambda: None)
    complete([(write, 1)], loop.call_soon_threadsafe)
    assert write.result() == 1


def test_what_a_told_write_held_is_gone_without_the_collector() -> None:
    class Held:
        pass

    held = Held()
    gone = weakref.ref(held)
    write: Write[int] = Write()
    write.add_done(lambda write=write, held=held: None)  # as callers do: the call holds its write
    gc.disable()
    try:
        complete([(write, 1)], None)
        del write, held
        assert gone() is None
    finally:
        gc.enable()
