-- Until the session ends. What is said there concerns nobody but programs that look for a pooler.
listen clip_db_pooler
