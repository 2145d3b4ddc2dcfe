// Common shortcodes; any other is shown as typed, as in Slack.
const TABLE = `
white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|negative_squared_cross_mark ❎|warning ⚠️|hourglass_flowing_sand ⏳
hourglass ⌛|grey_question ❔|question ❓|exclamation ❗|grey_exclamation ❕|white_small_square ▫️|black_small_square ▪️
white_large_square ⬜|black_large_square ⬛|large_green_square 🟩|large_red_square 🟥|large_yellow_square 🟨|large_orange_square 🟧
large_blue_square 🟦|red_circle 🔴|large_green_circle 🟢|large_yellow_circle 🟡|large_orange_circle 🟠|large_blue_circle 🔵
white_circle ⚪|black_circle ⚫|no_entry ⛔|no_entry_sign 🚫|octagonal_sign 🛑|rotating_light 🚨|bell 🔔|no_bell 🔕|mag 🔍|mag_right 🔎
eyes 👀|eye 👁️|wrench 🔧|hammer 🔨|hammer_and_wrench 🛠️|gear ⚙️|nut_and_bolt 🔩|link 🔗|lock 🔒|unlock 🔓|key 🔑|shield 🛡️
clipboard 📋|memo 📝|page_facing_up 📄|bookmark_tabs 📑|file_folder 📁|open_file_folder 📂|card_index_dividers 🗂️|package 📦
inbox_tray 📥|outbox_tray 📤|chart_with_upwards_trend 📈|chart_with_downwards_trend 📉|bar_chart 📊|calendar 📆|date 📅|clock1 🕐
alarm_clock ⏰|stopwatch ⏱️|timer_clock ⏲️|repeat 🔁|arrows_counterclockwise 🔄|arrow_right ➡️|arrow_left ⬅️|arrow_up ⬆️|arrow_down ⬇️
arrow_right_hook ↪️|leftwards_arrow_with_hook ↩️|fast_forward ⏩|rewind ⏪|double_vertical_bar ⏸️|black_square_for_stop ⏹️|arrow_forward ▶️
fire 🔥|boom 💥|zap ⚡|sparkles ✨|star ⭐|tada 🎉|rocket 🚀|ship 🚢|construction 🚧|cloud ☁️|globe_with_meridians 🌐|earth_africa 🌍
satellite_antenna 📡|electric_plug 🔌|computer 💻|iphone 📱|robot_face 🤖|ghost 👻|bug 🐛|thumbsup 👍|+1 👍|thumbsdown 👎|-1 👎|ok_hand 👌
wave 👋|raised_hands 🙌|raised_hand ✋|hand ✋|raising_hand 🙋|pray 🙏|clap 👏|muscle 💪|point_right 👉|point_left 👈|point_up ☝️|point_down 👇
speech_balloon 💬|thought_balloon 💭|bulb 💡|information_source ℹ️|100 💯|heart ❤️|green_heart 💚|broken_heart 💔|smile 😄|slightly_smiling_face 🙂
thinking_face 🤔|sweat_smile 😅|cry 😢|sleeping 😴|zzz 💤|coffee ☕|hospital 🏥|ambulance 🚑|fire_engine 🚒|firefighter 🧑‍🚒|pager 📟
sunrise 🌅|sunny ☀️|crescent_moon 🌙|newspaper 📰|seedling 🌱|herb 🌿|checkered_flag 🏁|telescope 🔭|traffic_light 🚦|red_circle 🔴
label 🏷️|pushpin 📌|round_pushpin 📍|hash #️⃣|one 1️⃣|two 2️⃣|three 3️⃣|four 4️⃣|five 5️⃣|six 6️⃣|seven 7️⃣|eight 8️⃣|nine 9️⃣|zero 0️⃣
`;

export const EMOJI = new Map(
  TABLE.trim().split(/[|\n]/).map((pair) => {
    const space = pair.indexOf(" ");
    return [pair.slice(0, space), pair.slice(space + 1)];
  }),
);
