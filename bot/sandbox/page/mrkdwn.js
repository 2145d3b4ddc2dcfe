// Slack's mrkdwn, and the Markdown of markdown blocks, as nodes. https://docs.slack.dev/messaging/formatting-message-text
import { h, safeUrl } from "./dom.js";
import { EMOJI } from "./emoji.js";

/** The names for mentions, set by the page. */
export const names = { users: new Map(), groups: new Map(), channels: new Map(), me: "", openLink: () => false };

const unescape = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

const INLINE = new RegExp(
  [
    "`(?<code>[^`\\n]+)`",
    "<(?<token>[^<>\\n]+)>",
    ":(?<emoji>[a-z0-9_+'-]+):",
    "(?<![\\p{L}\\p{N}*])\\*(?<bold>[^\\s*](?:[^*\\n]*[^\\s*])?)\\*(?![\\p{L}\\p{N}*])",
    "(?<![\\p{L}\\p{N}_])_(?<italic>[^\\s_](?:[^_\\n]*[^\\s_])?)_(?![\\p{L}\\p{N}_])",
    "(?<![\\p{L}\\p{N}~])~(?<strike>[^\\s~](?:[^~\\n]*[^\\s~])?)~(?![\\p{L}\\p{N}~])",
  ].join("|"),
  "gu",
);

/** The nodes of a mrkdwn text: code blocks, quotes, lines, and their contents. */
export function mrkdwn(text) {
  const nodes = [];
  text.split(/```\n?([\s\S]*?)\n?```\n?/).forEach((part, index) => {
    if (index % 2) nodes.push(h("pre", {}, plainOf(part)));
    else if (part) nodes.push(...quotesAndLines(part));
  });
  return nodes;
}

function quotesAndLines(text) {
  const nodes = [];
  let quoted = [];
  const lines = text.replace(/\n$/, "").split("\n");
  const flush = () => {
    if (quoted.length) nodes.push(h("blockquote", {}, ...withBreaks(quoted)));
    quoted = [];
  };
  let open = [];
  const close = () => {
    if (open.length) nodes.push(h("span", { class: "lines" }, ...withBreaks(open)));
    open = [];
  };
  for (const line of lines) {
    const quote = line.match(/^(?:&gt;|>)\s?(.*)$/);
    if (quote) {
      close();
      quoted.push(quote[1]);
    } else {
      flush();
      open.push(line);
    }
  }
  flush();
  close();
  return nodes;
}

function withBreaks(lines) {
  return lines.flatMap((line, index) => (index ? [h("br"), ...inline(line)] : inline(line)));
}

/** The nodes of one line. */
export function inline(text) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index < end) continue;
    const node = nodeOf(found.groups, found[0]);
    nodes.push(...emojiAware(unescape(text.slice(end, found.index))), node);
    end = found.index + found[0].length;
  }
  nodes.push(...emojiAware(unescape(text.slice(end))));
  return nodes;
}

function nodeOf(found, written) {
  if (found.code !== undefined) return h("code", {}, plainOf(found.code));
  if (found.token !== undefined) return tokenNode(found.token);
  if (found.emoji !== undefined) return emojiNode(found.emoji) ?? written;
  if (found.bold !== undefined) return h("strong", {}, ...inline(found.bold));
  if (found.italic !== undefined) return h("em", {}, ...inline(found.italic));
  return h("s", {}, ...inline(found.strike));
}

/** The text of a code span: tokens show their label, nothing is formatted. */
function plainOf(text) {
  return unescape(text.replace(/<([^<>|\n]+)(?:\|([^<>\n]*))?>/g, (all, target, label) => label ?? (/^[@#!]/.test(target) ? all : target)));
}

function tokenNode(token) {
  const bar = token.indexOf("|");
  const target = bar < 0 ? token : token.slice(0, bar);
  const label = bar < 0 ? "" : unescape(token.slice(bar + 1));
  if (target.startsWith("@")) return userNode(target.slice(1), label);
  if (target.startsWith("#")) return channelNode(target.slice(1), label);
  if (target.startsWith("!date^")) return dateNode(target, label);
  if (target.startsWith("!subteam^")) return groupNode(target.slice(9), label);
  if (target.startsWith("!")) return h("span", { class: "mention me" }, `@${target.slice(1)}`);
  return linkNode(unescape(target), label);
}

export function userNode(id, label = "") {
  const name = names.users.get(id)?.name ?? (label || id);
  return h("span", { class: id === names.me ? "mention me" : "mention" }, `@${name}`);
}

export function channelNode(id, label = "") {
  return h("a", { class: "mention", href: `#${id}` }, `#${names.channels.get(id)?.name ?? (label || id)}`);
}

export function groupNode(id, label = "") {
  return h("span", { class: "mention" }, `@${names.groups.get(id)?.handle ?? (label.replace(/^@/, "") || id)}`);
}

export function linkNode(url, label) {
  const href = safeUrl(url);
  if (!href) return document.createTextNode(label || url);
  const onclick = (event) => names.openLink(url) && event.preventDefault();
  return h("a", { href, target: "_blank", rel: "noreferrer noopener", onclick }, label || url);
}

function dateNode(token, fallback) {
  const [, seconds, format, link] = token.split("^");
  const date = new Date(Number(seconds) * 1000);
  const text = Number.isNaN(date.getTime()) ? fallback : formatDate(date, format);
  const node = h("time", { datetime: Number.isNaN(date.getTime()) ? null : date.toISOString(), title: fallback }, text);
  return link && safeUrl(link) ? h("a", { href: link, target: "_blank", rel: "noreferrer noopener" }, node) : node;
}

/** A date in the format of {date_…} and {time}, in the reader's time zone. */
export function formatDate(date, format) {
  const pretty = relativeDay(date);
  const day = (options) => date.toLocaleDateString(undefined, options);
  const long = { weekday: "long", year: "numeric", month: "long", day: "numeric" };
  const forms = {
    date_num: `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`,
    date: day({ year: "numeric", month: "long", day: "numeric" }),
    date_short: day({ year: "numeric", month: "short", day: "numeric" }),
    date_long: day(long),
    date_pretty: pretty ?? day({ year: "numeric", month: "long", day: "numeric" }),
    date_short_pretty: pretty ?? day({ year: "numeric", month: "short", day: "numeric" }),
    date_long_pretty: pretty ?? day(long),
    time: date.toLocaleTimeString(undefined, { hour: "numeric", minute: "2-digit" }),
    time_secs: date.toLocaleTimeString(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" }),
    ago: agoOf(date),
  };
  return unescape(format).replace(/\{(\w+)\}/g, (all, name) => forms[name] ?? all);
}

function relativeDay(date) {
  const days = Math.round((new Date(date).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 86400000);
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
}

function agoOf(date) {
  const minutes = Math.round((Date.now() - date.getTime()) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} minute${minutes === 1 ? "" : "s"} ago`;
  const hours = Math.round(minutes / 60);
  return hours < 24 ? `${hours} hour${hours === 1 ? "" : "s"} ago` : `${Math.round(hours / 24)} days ago`;
}

export function emojiNode(name) {
  const emoji = EMOJI.get(name);
  return emoji ? h("span", { class: "emoji", role: "img", "aria-label": name, title: `:${name}:` }, emoji) : null;
}

/** Plain text with its Unicode emoji a little larger, as Slack shows them. */
function emojiAware(text) {
  if (!text) return [];
  return text.split(/(\p{Emoji_Presentation}(?:\u200d\p{Emoji_Presentation})*|\p{Extended_Pictographic}\ufe0f)/u).filter(Boolean).map((part, index) =>
    index % 2 && /\p{Extended_Pictographic}/u.test(part) ? h("span", { class: "emoji" }, part) : part,
  );
}

/** A plain_text object; only emoji shortcodes are replaced. */
export function plainText(text) {
  return text.split(/(:[a-z0-9_+'-]+:)/).flatMap((part, index) => {
    const emoji = index % 2 ? emojiNode(part.slice(1, -1)) : null;
    return emoji ? [emoji] : part.split("\n").flatMap((line, number) => (number ? [h("br"), ...emojiAware(line)] : emojiAware(line)));
  });
}

/** A text object of either kind. */
export function textObject(object) {
  return object.type === "mrkdwn" ? mrkdwn(object.text) : plainText(object.text);
}

// -- markdown blocks --------------------------------------------------------------------------------------------------

const MARKDOWN = new RegExp(
  ["`(?<code>[^`\\n]+)`", "\\[(?<label>[^\\]\\n]+)\\]\\((?<url>[^)\\s]+)\\)", "\\*\\*(?<bold>[^*\\n]+)\\*\\*", "(?<![\\w*])[*_](?<italic>[^*_\\n]+)[*_](?![\\w*])", "~~(?<strike>[^~\\n]+)~~", ":(?<emoji>[a-z0-9_+-]+):"].join("|"),
  "gu",
);

function markdownInline(text) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(MARKDOWN)) {
    const g = found.groups;
    nodes.push(...emojiAware(text.slice(end, found.index)));
    if (g.code !== undefined) nodes.push(h("code", {}, g.code));
    else if (g.label !== undefined) nodes.push(linkNode(g.url, g.label));
    else if (g.bold !== undefined) nodes.push(h("strong", {}, ...markdownInline(g.bold)));
    else if (g.italic !== undefined) nodes.push(h("em", {}, ...markdownInline(g.italic)));
    else if (g.strike !== undefined) nodes.push(h("s", {}, ...markdownInline(g.strike)));
    else nodes.push(emojiNode(g.emoji) ?? found[0]);
    end = found.index + found[0].length;
  }
  return [...nodes, ...emojiAware(text.slice(end))];
}

/** The Markdown of markdown blocks: headings, lists, quotes, code, rules, and paragraphs. */
export function markdown(text) {
  const nodes = [];
  text.split(/^```[^\n]*\n([\s\S]*?)\n?```$/m).forEach((part, index) => {
    if (index % 2) nodes.push(h("pre", {}, part));
    else for (const paragraph of part.split(/\n{2,}/)) if (paragraph.trim()) nodes.push(...markdownParagraph(paragraph.trim()));
  });
  return nodes;
}

function markdownParagraph(text) {
  const lines = text.split("\n");
  const heading = lines[0].match(/^(#{1,6})\s+(.*)$/);
  if (heading) {
    const rest = lines.slice(1).join("\n").trim();
    const size = Math.min(heading[1].length + 2, 6);
    return [h(`h${size}`, {}, ...markdownInline(heading[2])), ...(rest ? markdownParagraph(rest) : [])];
  }
  if (/^(-{3,}|\*{3,})$/.test(text)) return [h("hr")];
  if (lines.every((line) => /^\s*([-*+]|\d+[.)])\s/.test(line))) {
    const ordered = /^\s*\d/.test(lines[0]);
    return [h(ordered ? "ol" : "ul", {}, ...lines.map((line) => h("li", {}, ...markdownInline(line.replace(/^\s*([-*+]|\d+[.)])\s/, "")))))];
  }
  if (lines.every((line) => line.startsWith(">"))) {
    return [h("blockquote", {}, ...lines.flatMap((line, i) => [i ? h("br") : null, ...markdownInline(line.replace(/^>\s?/, ""))]))];
  }
  return [h("p", {}, ...lines.flatMap((line, i) => [i ? h("br") : null, ...markdownInline(line)]))];
}
