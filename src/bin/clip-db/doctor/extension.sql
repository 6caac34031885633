-- Whether pgcrypto is installed, whether the server has its files, and whether this role may install it.
select exists (select from pg_extension where extname = 'pgcrypto'),
       exists (select from pg_available_extensions where name = 'pgcrypto'),
       exists (select from pg_roles where rolname = current_user and rolsuper)
       or has_database_privilege(current_database(), 'create')
          and exists (select from pg_available_extension_versions where name = 'pgcrypto' and trusted)
