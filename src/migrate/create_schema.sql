-- Creates the schema that the session's search path names, as an identifier.
do $$ begin execute 'create schema ' || current_setting('search_path'); end $$
