// The list of channels, and who looks.
import { ask, h } from "./dom.js";
import { popUpMenu } from "./dialogs.js";
import { avatarOf } from "./messages.js";
import { go, store, switchUser, unreadIn } from "./page.js";

const FAULTS = [
  ["Rate limit everything for 30 s", { name: "rate_limit", seconds: 30 }],
  ["Fail the next 3 calls (HTTP 500)", { name: "server_errors", count: 3 }],
  ["Lose the next answer to a post", { name: "lose_answers", count: 1, methods: ["chat.postMessage"] }],
  ["Answer 2 s later", { name: "latency", seconds: 2 }],
  ["Archive #ops-egress", { name: "archive", channel: "C0OPS" }],
  ["Remove the bot from #ops-egress", { name: "remove_bot", channel: "C0OPS" }],
  ["Revoke the bot's token", { name: "revoke_token" }],
  ["Make everything work again", { name: "clear" }],
];

export function renderSidebar() {
  const channels = [...store.channels.values()].filter((channel) => !channel.im && channel.members.includes(store.me));
  return [
    h("div", { class: "team" }, h("b", {}, "Sandbox"), h("span", {}, "a local stand-in for Slack")),
    h(
      "div",
      { class: "places" },
      h("h2", {}, "Channels"),
      channels.map((channel) => row(channel.id, channel.archived ? "▫" : channel.private ? "🔒" : "#", channel.name, channel.archived)),
      h("h2", {}, "Apps"),
      row("home", h("img", { class: "avatar tiny", src: "/page/icon.svg", alt: "" }), store.app.name),
      h("h2", {}, "More"),
      row("files", "▤", "Files"),
      h("button", { type: "button", class: "row", onclick: (event) => {
        event.stopPropagation();
        popUpMenu(event.currentTarget, FAULTS.map(([label, fault]) => ({ nodes: [label], value: fault.name, choose: () => ask("faults", fault) })));
      } }, h("span", { class: "sign" }, "⚡"), "Break something"),
    ),
    h(
      "label",
      { class: "whoami" },
      avatarOf(store.users.get(store.me) ?? {}),
      h("span", {}, "You are"),
      h(
        "select",
        { "aria-label": "You are", onchange: (event) => switchUser(event.target.value) },
        [...store.users.values()].filter((user) => !user.is_bot).map((user) => h("option", { value: user.id, selected: user.id === store.me }, user.real_name)),
      ),
    ),
  ];
}

function row(id, sign, label, dim = false) {
  const unread = unreadIn(id);
  const classes = ["row", store.place === id && "on", unread > 0 && "unread", dim && "dim"].filter(Boolean).join(" ");
  return h("button", { type: "button", class: classes, "data-place": id, onclick: () => go(id) }, h("span", { class: "sign" }, sign), label, unread > 0 && h("span", { class: "count" }, unread));
}
