-- A schema of its own, in a transaction that is rolled back: the migrations are run in it, to be compared with what the
-- database has. So the comparison speaks the words of this very server.
begin;
create schema clip_saver_db_reference;
set local search_path = clip_saver_db_reference, public;
