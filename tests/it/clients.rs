//! What a call runs on: the pool handle, a connection, an open transaction, a task.
