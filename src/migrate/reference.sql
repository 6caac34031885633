-- The migrations run in this temporary schema, in a transaction that is rolled back. Its definitions are then compared with
-- the database's, as this server itself prints both.
begin;
create schema clip_saver_db_reference;
set local search_path = clip_saver_db_reference, public;
