// A canvas of the bot: its title and its Markdown.
import { h } from "./dom.js";
import { markdown, names } from "./mrkdwn.js";

const id = location.pathname.split("/").at(-1);
const answer = await fetch(`/sandbox/canvas/${encodeURIComponent(id)}`);
const canvas = answer.ok ? await answer.json() : { title: "This canvas does not exist.", markdown: "", users: [] };
names.users = new Map(canvas.users.map((user) => [user.id, user]));
// Mentions in canvases are images whose address is a user.
const text = canvas.markdown.replace(/!\[\]\(@(\w+)\)/g, (_, user) => `@${names.users.get(user)?.name ?? user}`);
document.getElementById("canvas").replaceChildren(h("h1", {}, canvas.title), ...markdown(text));
