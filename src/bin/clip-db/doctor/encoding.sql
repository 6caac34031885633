-- The encodings of the database and of this session.
select getdatabaseencoding()::text, current_setting('client_encoding')
