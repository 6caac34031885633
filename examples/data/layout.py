"""The invented guilds of the sample data: their users, channels, history lengths and live events.

Only constants; `make_sample_data.py` turns them into Discord objects. A channel is a row of kind, name, number of
messages in its history, and fields that differ from Discord's example object (`base/`). Some history lengths are equal
or close to the size of a page (100). The names include null, emoji, other scripts and quotes.
"""

TEXT, VOICE, CATEGORY, ANNOUNCEMENT = 0, 2, 4, 5

UNREADABLE = "moderator-only"  # its history answers with "Missing Access"
RATE_LIMITED = "off-topic"  # the first request for its history is one too many
BROKEN = "général"  # the first request for its history meets a server error
REMOVED_GUILD = "Retired Raid Squad"  # the bot is removed from it
OUTAGE_GUILD = "Développeurs 🚀"  # becomes unavailable, must be kept

TESTERS = [
    (CATEGORY, "Information", 0, {}),
    (ANNOUNCEMENT, "announcements", 260, {"topic": "Rumors about Half Life 3"}),
    (TEXT, "rules", 1, {"id": "441688182833020939"}),
    (TEXT, UNREADABLE, 0, {"id": "281283303326089216", "last_message_id": "1378000000000000000"}),
    (CATEGORY, "Clips 🎬", 0, {}),
    (TEXT, "clips 🎬", 1000, {"topic": "Post your best clips 🎥\nNo spoilers!"}),
    (TEXT, "best-of-2024", 420, {"topic": ""}),
    (TEXT, "bug-reports", 333, {}),
    (TEXT, RATE_LIMITED, 512, {"topic": "24/7 chat about how to gank Mike #2"}),
    (TEXT, "late-night", 99, {"nsfw": True}),
    (TEXT, "old-clips", 0, {}),
    (VOICE, "ROCKET CHEESE", 0, {}),
    (VOICE, None, 0, {}),
    (CATEGORY, "Archive", 0, {}),
    (TEXT, "archive-2019", 250, {"topic": "read only"}),
    (TEXT, "memes", 147, {}),
]

DEVELOPERS = [
    (CATEGORY, "Général", 0, {}),
    (ANNOUNCEMENT, "annonces 📣", 100, {}),
    (TEXT, BROKEN, 400, {"topic": "On parle de tout, même d'œufs"}),
    (TEXT, "vidéos-démo", 278, {}),
    (TEXT, "aide-rust 🦀", 205, {}),
    (TEXT, "café ☕", 64, {}),
    (TEXT, "日本語", 33, {}),
    (TEXT, "мемы", 101, {}),
    (TEXT, "العربية", 7, {}),
    (TEXT, "vide", 0, {}),
    (CATEGORY, None, 0, {}),
    (VOICE, "Salon d'équipe", 0, {}),
    (VOICE, "Pair « live » 🎧", 0, {}),
    (TEXT, "logs", 200, {}),
]

WAREHOUSE = [
    (CATEGORY, "情報", 0, {}),
    (ANNOUNCEMENT, "お知らせ", 25, {}),
    (TEXT, "雑談", 290, {"topic": "何でもどうぞ 🍵"}),
    (TEXT, "クリップ", 211, {}),
    (TEXT, "スクリーンショット", 150, {}),
    (TEXT, "深夜-🔞", 12, {"nsfw": True}),
    (TEXT, "bot-spam", 2, {}),
    (CATEGORY, "ボイス", 0, {}),
    (VOICE, "ロビー", 0, {}),
    (VOICE, "家族 👨‍👩‍👧‍👦", 0, {}),
    (VOICE, 'The "Back\\slash" Lounge', 0, {}),
    (TEXT, "a-name-of-one-hundred-characters-" + "x" * 67, 50, {}),
    (TEXT, "tests-and-trials", 50, {}),
    (TEXT, "empty", 0, {}),
]

RAID_SQUAD = [
    (CATEGORY, "Raids", 0, {}),
    (ANNOUNCEMENT, "raid-calendar", 0, {}),
    (TEXT, "general", 0, {}),
    (TEXT, "raid-clips", 0, {}),
    (TEXT, "loot", 0, {}),
    (VOICE, "War Room", 0, {}),
]

# Name, day of creation, day the bot joined, fields that differ from the example guild, channels. Discord's own example
# is the first and keeps its id and owner.
GUILDS = [
    ("Discord Testers", "2016-06-27", "2023-04-05", {}, TESTERS),
    ("Développeurs 🚀", "2020-02-29", "2024-01-31", {"icon": None, "preferred_locale": "fr"}, DEVELOPERS),
    ("クリップ倉庫 🎬", "2020-11-11", "2024-12-24", {"icon": "a_5be8b1d3a9d4c2f07a16e4d1c0b3f892"}, WAREHOUSE),
    ("Retired Raid Squad", "2022-08-01", "2025-02-14", {"icon": None}, RAID_SQUAD),
]

# Number of live messages before an event → event, and what it concerns: a guild; a channel (or the row of a new one); the
# fields that change, or how many messages are deleted. RESUME: the connection breaks, and Discord sends again what was missed.
# RECONNECT: the session is lost, and with it the events of so many messages.
STORY = {
    25: ("MESSAGE_DELETE", "Discord Testers", "clips 🎬", 1),
    40: ("CHANNEL_CREATE", "Discord Testers", (TEXT, "summer-event ☀️", 0, {})),
    60: ("MESSAGE_DELETE", "クリップ倉庫 🎬", "雑談", 1),
    75: ("CHANNEL_UPDATE", "Discord Testers", "best-of-2024", {"name": "best-of-2025 🏆"}),
    95: ("MESSAGE_DELETE", "Développeurs 🚀", BROKEN, 1),
    110: ("CHANNEL_UPDATE", "クリップ倉庫 🎬", "bot-spam", {"nsfw": True}),
    130: ("MESSAGE_DELETE_BULK", "クリップ倉庫 🎬", "クリップ", 12),
    150: ("CHANNEL_CREATE", "Développeurs 🚀", (VOICE, "Réunion n° 1", 0, {})),
    170: ("RESUME",),
    190: ("CHANNEL_DELETE", "Discord Testers", "old-clips"),
    210: ("MESSAGE_DELETE", "Discord Testers", "late-night", 1),
    230: ("CHANNEL_CREATE", "クリップ倉庫 🎬", (TEXT, "今週のクリップ", 0, {})),
    270: ("CHANNEL_UPDATE", "Discord Testers", "late-night", {"nsfw": False}),
    300: ("GUILD_DELETE", REMOVED_GUILD),
    320: ("MESSAGE_DELETE_BULK", "Discord Testers", RATE_LIMITED, 25),
    330: ("CHANNEL_DELETE", "Discord Testers", "memes"),
    350: ("CHANNEL_UPDATE", "Développeurs 🚀", "café ☕", {"name": "thé 🍵", "topic": "le café est fini"}),
    370: ("RECONNECT", 120),
    375: ("MESSAGE_DELETE", "Développeurs 🚀", "vidéos-démo", 1),
    400: ("CHANNEL_DELETE", "Développeurs 🚀", "Pair « live » 🎧"),
    450: ("CHANNEL_UPDATE", "Développeurs 🚀", "logs", {"nsfw": True}),
    480: ("CHANNEL_DELETE", "クリップ倉庫 🎬", "今週のクリップ"),
    500: ("CHANNEL_UPDATE", "クリップ倉庫 🎬", "tests-and-trials", {"name": "тесты-и-пробы"}),
    520: ("MESSAGE_DELETE_BULK", "Discord Testers", "best-of-2025 🏆", 5),
    540: ("GUILD_DELETE", OUTAGE_GUILD, {"unavailable": True}),
}

PHRASES = [
    "gg", "What a save! 🔥", "lol", "did you see that??", "clutch of the year", "anyone up for ranked tonight?",
    "Supa Hot", "I swear the hitbox is broken", "brb", "that grenade came from another dimension 💥", "日曜日にやろう",
    "c'était énorme 😂", "отличный момент", "يا سلام", "uploading the full VOD later", "look at 0:42",
    "`cargo test` is green again", "rewatching this for the 10th time", "no scope, no hope", "+1", "🤣🤣🤣",
    "ping 24 ms, excuses 0", "He said \"one more game\"\nthree hours ago",
]

NAMES = [
    "Mason", "Nelly", "ann", "björk_fan", "kenji", "さくら", "Zoë", "olga", "Фёдор", "raid.leader", "pixel_pete", "m1dori",
    "the_real_dave", "Łukasz", "noor", "لينا", "quietstorm", "frag.exe", "ÉloïseDev", "xX_snipe_Xx", "tofu", "grandma👵",
    "lag_lord", "speedy", "vodka.cat", "hana", "Joaquín", "moss", "ClipBot", "nine9lives",
]
