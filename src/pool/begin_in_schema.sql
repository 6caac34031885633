-- The same where the session may not keep its settings: {search_path} is the schema of the tables, as an identifier.
begin isolation level read committed; set local search_path = {search_path}
