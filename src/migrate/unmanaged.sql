-- Whether the tables are there although no migration was recorded: a database that the Python programs made.
select to_regclass('bot_guilds') is not null or to_regclass('bot_channels') is not null
