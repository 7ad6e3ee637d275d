"""KITH-XML, the national message standards: messages in MsgHead or Message, and the receipts (AppRec) they are owed."""
