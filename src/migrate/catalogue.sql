-- The objects of the schema with which the search path begins: kind, table, name and a definition to compare. PostgreSQL leaves
-- that schema's name out of definitions. The last column says whether programs that do not know the object can write rows.
with schema as (
  select oid from pg_namespace where nspname = current_schema()
), tables as (
  select c.oid, c.relname::text as relation
  from pg_class c
  where c.relnamespace = (select oid from schema) and c.relkind in ('r', 'p') and c.relname <> 'refinery_schema_history'
)
select 'table' as kind, relation, '' as name, 'table' as definition, true as is_harmless
from tables
union all
select 'column', t.relation, a.attname::text,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
                 'default ' || pg_get_expr(d.adbin, d.adrelid),
                 'collate ' || (select quote_ident(co.collname) from pg_collation co
                                where co.oid = a.attcollation and co.collname <> 'default'),
                 case a.attidentity when 'a' then 'identity always' when 'd' then 'identity' end,
                 case when a.attgenerated <> '' then 'generated' end),
       not a.attnotnull or d.oid is not null or a.attidentity <> ''
from tables t
join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
union all
-- Without 'n' (PostgreSQL 18): the columns above already show `not null`.
select 'constraint', t.relation, c.conname::text,
       pg_get_constraintdef(c.oid, true) || case when c.convalidated then '' else ' not validated' end, false
from tables t join pg_constraint c on c.conrelid = t.oid and c.contype <> 'n'
union all
select 'index', t.relation, i.indexrelid::regclass::text,
       pg_get_indexdef(i.indexrelid, 0, true) || case when i.indisvalid then '' else ' INVALID' end, not i.indisunique
from tables t join pg_index i on i.indrelid = t.oid
where not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.conrelid = t.oid)
union all
select 'trigger', t.relation, g.tgname::text, pg_get_triggerdef(g.oid, true) || ' enabled ' || g.tgenabled::text, false
from tables t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
union all
select 'sequence', '', c.relname::text,
       concat_ws(' ', format_type(s.seqtypid, null), 'start', s.seqstart, 'increment', s.seqincrement, 'max', s.seqmax), true
from pg_sequence s join pg_class c on c.oid = s.seqrelid
where c.relnamespace = (select oid from schema)
union all
select 'enum', '', y.typname::text, string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder), true
from pg_type y join pg_enum e on e.enumtypid = y.oid
where y.typnamespace = (select oid from schema)
group by y.typname
union all
-- The source without its indentation, which does not change what the function does.
select 'function', '', format('%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)),
       concat_ws(' ', 'returns', pg_get_function_result(p.oid), l.lanname, p.provolatile::text,
                 case when p.prosecdef then 'security definer' end, btrim(regexp_replace(p.prosrc, '\s+', ' ', 'g'))),
       true
from pg_proc p join pg_language l on l.oid = p.prolang
where p.pronamespace = (select oid from schema)
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
union all
select 'extension', '', extname::text, 'installed', true from pg_extension
