// The list of channels, and the current user.
import { ask, h, keep } from "./dom.js";
import { popUpMenu } from "./dialogs.js";
import { avatarOf } from "./messages.js";
import { go, store, switchUser, unreadIn } from "./page.js";

const FAULTS = [
  ["Rate limit all methods for 30 s", { name: "rate_limit", seconds: 30 }],
  ["Fail the next 3 calls (HTTP 500)", { name: "server_errors", count: 3 }],
  ["Drop the answer to the next post", { name: "lose_answers", count: 1, methods: ["chat.postMessage"] }],
  ["Delay every answer by 2 s", { name: "latency", seconds: 2 }],
  ["Archive #ops-egress", { name: "archive", channel: "C0OPS" }],
  ["Remove the bot from #ops-egress", { name: "remove_bot", channel: "C0OPS" }],
  ["Revoke the bot's token", { name: "revoke_token" }],
  ["Clear all faults", { name: "clear" }],
];

/** Draw the changes of the list: a row stays under the pointer while other channels receive messages. */
export function drawSidebar(sidebar) {
  keep(sidebar, [
    { key: "team", draw: () => h("div", { class: "team" }, h("b", {}, "Sandbox"), h("span", {}, "a local stand-in for Slack")) },
    { key: "places", shows: {}, draw: () => h("div", { class: "places" }), update: (places) => keep(places, placesOf()) },
    { key: "whoami", shows: JSON.stringify([store.me, [...store.users.values()]]), draw: whoami },
  ]);
}

function placesOf() {
  const channels = [...store.channels.values()].filter((channel) => !channel.im && channel.members.includes(store.me));
  const title = (text) => ({ key: text, draw: () => h("h2", {}, text) });
  return [
    title("Channels"),
    ...channels.map((channel) => row(channel.id, channel.archived ? "▫" : channel.private ? "🔒" : "#", channel.name, channel.archived)),
    title("Apps"),
    row("home", "", store.app.name),
    title("More"),
    row("files", "▤", "Files"),
    { key: "faults", draw: faults },
  ];
}

function faults() {
  return h("button", { type: "button", class: "row", onclick: (event) => {
    event.stopPropagation();
    popUpMenu(event.currentTarget, FAULTS.map(([label, fault]) => ({ nodes: [label], value: fault.name, choose: () => ask("faults", fault) })));
  } }, h("span", { class: "sign" }, "⚡"), "Inject a fault");
}

function whoami() {
  return h(
    "label",
    { class: "whoami" },
    avatarOf(store.users.get(store.me) ?? {}),
    h("span", {}, "You are"),
    h(
      "select",
      { "aria-label": "You are", onchange: (event) => switchUser(event.target.value) },
      [...store.users.values()].filter((user) => !user.is_bot).map((user) => h("option", { value: user.id, selected: user.id === store.me }, user.real_name)),
    ),
  );
}

function row(id, sign, label, dim = false) {
  const unread = unreadIn(id);
  return {
    key: id,
    shows: JSON.stringify([unread, sign, label, dim, store.place === id]),
    draw: () => h("button", { type: "button", "data-place": id, onclick: () => go(id) }),
    update: (node) => {
      node.className = ["row", store.place === id && "on", unread > 0 && "unread", dim && "dim"].filter(Boolean).join(" ");
      const mark = sign || h("img", { class: "avatar tiny", src: "/page/icon.svg", alt: "" });
      node.replaceChildren(...[h("span", { class: "sign" }, mark), label, unread > 0 && h("span", { class: "count" }, unread)].filter(Boolean));
    },
  };
}
