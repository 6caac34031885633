-- Discord users: guild owners, and whoever installs the bot.

--: UserRow(username?, global_name?, avatar?, last_login_at?)

--! get_user : UserRow
--- One user by Discord id.
select /* get_user */ id, discord_user_id, username, global_name, avatar, last_login_at
from users
where discord_user_id = :discord_user_id;

--! upsert_users (usernames[?], global_names[?], avatars[?], last_login_ats[?])
--- Inserts or updates a batch of users. No user may come twice, and they come in key order, known and new ones alike, so that
--- batches in opposite orders cannot deadlock (see upsert_guilds). A known user brings an `id` along: the default would draw a
--- number from the 32-bit `users_id_seq` for every row of every sync, until it runs out. It is not the user's own, which
--- could be taken for a second row while another session updates the first; the update keeps the own one. The lock, which is
--- the update's own, keeps the row until then: if a racing delete took it, the negative number would be stored. A new user gets
--- the next number of the sequence that no row has: after an import the sequence may be behind the rows. The limit only tells the
--- planner that there are few rows: without it a few users are planned anew at each call where sessions have no plan_cache_mode.
with /* upsert_users */ written as (
  insert into users as u (id, discord_user_id, username, global_name, avatar, last_login_at)
  select coalesce(-k.id, (
           -- One row after the other, so that only the numbers up to the first free one are drawn; for each user anew,
           -- because the condition names the user.
           select s.id
           from (
             select nextval('users_id_seq') as id
             from (select generate_series(1, 2147483647)) endless
             where i.discord_user_id is not null
           ) s
           where (select t.id from users t where t.id = s.id) is null
           limit 1
         )),
         i.discord_user_id, i.username, i.global_name, i.avatar, i.last_login_at
  from (
    select discord_user_id, username, global_name, avatar, last_login_at
    from unnest(
      :discord_user_ids::text[], :usernames::text[], :global_names::text[], :avatars::text[],
      :last_login_ats::timestamptz[]
    ) as t (discord_user_id, username, global_name, avatar, last_login_at)
    limit cardinality(:discord_user_ids)
  ) i
  left join lateral (select t.id from users t where t.discord_user_id = i.discord_user_id for no key update) k
    on true
  on conflict (discord_user_id) do update
  set username = excluded.username,
      global_name = excluded.global_name,
      avatar = excluded.avatar,
      last_login_at = coalesce(excluded.last_login_at, u.last_login_at)
)
select true as is_written;
