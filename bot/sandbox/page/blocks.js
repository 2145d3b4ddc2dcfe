// Block Kit as nodes. `where` is the owner of the elements: {channel, ts} or {view_id}.
import { h, keep, safeUrl } from "./dom.js";
import { control } from "./elements.js";
import { channelNode, emojiNode, formatDate, groupNode, linkNode, markdown, mrkdwn, plainText, textObject, userNode } from "./mrkdwn.js";

/** The nodes of blocks. `page` offers press, lookUp, confirm, files, errors and drafts. */
export function renderBlocks(blocks, where, page) {
  return blocks.map((block) => blockNode(block, where, page));
}

/** Make these blocks the children of an element; keep the nodes of unchanged blocks. */
export function keepBlocks(parent, blocks, where, page, ...further) {
  const items = blocks.map((block, index) => {
    const item = { key: `${index} ${block.type}`, shows: shown(block, page), draw: () => blockNode(block, where, page) };
    if (block.type === "actions") item.update = (node) => keep(node, block.elements.map((each) => elementItem(each, block, where, page)));
    return item;
  });
  keep(parent, [...items, ...further]);
  // An update gives every block without an id a new one.
  blocks.forEach((block, index) => {
    parent.childNodes[index].dataset.blockId = block.block_id;
  });
}

function blockNode(block, where, page) {
  const draw = BLOCKS[block.type];
  const node = draw ? draw(block, where, page) : h("div", { class: "unknown" }, `[${block.type}]`);
  node.dataset.blockId = block.block_id;
  return node;
}

/** The content that a block's node depends on. A field belongs to its block's id; a press sends the block's current id. */
function shown(block, page) {
  const elements = [...(block.elements ?? []), block.accessory ?? {}, block.element ?? {}];
  const pressed = elements.every(({ type }) => !FIELDS.test(type ?? ""));
  const files = /slack_file/.test(JSON.stringify(block)) ? page.files().length : 0;
  return JSON.stringify([pressed ? { ...block, block_id: "" } : block, files]);
}

const FIELDS = /input|select|checkboxes|radio_buttons|picker/;

function elementItem(item, block, where, page) {
  return { key: item.action_id, shows: shown({ ...block, elements: [item] }, page), draw: () => element(item, block, where, page) };
}

const TASK_MARKS = { pending: "○", in_progress: "◐", complete: "✓", error: "✕" };

const BLOCKS = {
  section: (block, where, page) =>
    h(
      "div",
      { class: `block section${block.accessory ? " with-accessory" : ""}` },
      h(
        "div",
        { class: "section-body" },
        block.text && h("div", { class: "text" }, ...textObject(block.text)),
        block.fields && h("div", { class: "fields" }, block.fields.map((field) => h("div", { class: "text" }, ...textObject(field)))),
      ),
      block.accessory && h("div", { class: "accessory" }, element(block.accessory, block, where, page)),
    ),
  header: (block) => h("h3", { class: "block header" }, ...plainText(block.text.text)),
  divider: () => h("hr", { class: "block divider" }),
  context: (block, where, page) =>
    h("div", { class: "block context" }, block.elements.map((part) =>
      part.type === "image"
        ? h("img", { class: "context-image", src: imageUrl(part, page), alt: part.alt_text })
        : h("span", { class: "text" }, ...textObject(part)))),
  actions: (block, where, page) => {
    const node = h("div", { class: "block actions" });
    keep(node, block.elements.map((item) => elementItem(item, block, where, page)));
    return node;
  },
  image: (block, where, page) =>
    h(
      "figure",
      { class: "block image" },
      block.title && h("figcaption", {}, ...plainText(block.title.text)),
      h("img", { src: imageUrl(block, page), alt: block.alt_text, title: block.alt_text, loading: "lazy" }),
    ),
  markdown: (block) => h("div", { class: "block markdown" }, ...markdown(block.text)),
  rich_text: (block) => h("div", { class: "block rich-text" }, block.elements.map(richPart)),
  plan: (block) => h(
    "div",
    { class: "block plan" },
    h("b", {}, ...plainText(block.title)),
    h("ol", {}, block.tasks.map((task) => h("li", { class: task.status },
      h("span", { class: "task-mark", role: "img", "aria-label": task.status.replace("_", " ") }, TASK_MARKS[task.status]), " ", ...plainText(task.title)))),
  ),
  table: (block) => h(
    "div",
    { class: "block table-scroll", tabindex: 0 },
    h("table", {}, block.rows.map((row) => h("tr", {}, row.map((cell, column) => {
      const { align = "left", is_wrapped: wrapped = false } = block.column_settings?.[column] ?? {};
      return h("td", { class: `${align}${wrapped ? " wrapped" : ""}` }, ...cellNodes(cell));
    })))),
  ),
  input: (block, where, page) => {
    const error = page.errors?.[block.block_id];
    const id = `field-${where.view_id ?? where.ts}-${block.block_id}`;
    const node = control(block.element, block, where, page, id);
    return h(
      "div",
      { class: `block input${error ? " wrong" : ""}` },
      h("label", { for: id }, ...plainText(block.label.text), block.optional && h("span", { class: "optional" }, " (optional)")),
      node,
      error && h("div", { class: "error", role: "alert" }, error),
      block.hint && h("div", { class: "hint" }, ...plainText(block.hint.text)),
    );
  },
};

function cellNodes(cell) {
  return cell.type === "raw_text" ? [...plainText(cell.text)] : cell.elements.map(richPart);
}

function element(item, block, where, page) {
  if (item.type === "image") return h("img", { class: "thumbnail", src: imageUrl(item, page), alt: item.alt_text });
  return control(item, block, where, page);
}

function imageUrl(item, page) {
  if (item.image_url) return safeUrl(item.image_url);
  const file = page.files().find((known) => known.id === item.slack_file.id || known.url_private === item.slack_file.url);
  return file?.url_private ?? `/files/${item.slack_file.id ?? ""}/image`;
}

function richPart(part) {
  const inside = () => part.elements.map(richPiece);
  switch (part.type) {
    case "rich_text_section":
      return h("div", { class: "rich-section" }, ...inside());
    case "rich_text_quote":
      return h("blockquote", {}, ...inside());
    case "rich_text_preformatted":
      return h("pre", {}, ...inside());
    default:
      return h(
        part.style === "ordered" ? "ol" : "ul",
        { class: `indent-${part.indent ?? 0}`, start: part.offset ? part.offset + 1 : null },
        part.elements.map((item) => h("li", {}, ...item.elements.map(richPiece))),
      );
  }
}

function richPiece(piece) {
  const style = piece.style ?? {};
  let node = {
    text: () => h("span", { class: "lines" }, ...piece.text.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]))),
    emoji: () => emojiNode(piece.name) ?? document.createTextNode(`:${piece.name}:`),
    link: () => linkNode(piece.url, piece.text),
    user: () => userNode(piece.user_id),
    usergroup: () => groupNode(piece.usergroup_id),
    channel: () => channelNode(piece.channel_id),
    broadcast: () => h("span", { class: "mention me" }, `@${piece.range}`),
    date: () => h("time", {}, formatDate(new Date(piece.timestamp * 1000), piece.format)),
    color: () => h("code", {}, piece.value),
  }[piece.type]();
  for (const [name, tag] of [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"]]) {
    if (style[name]) node = h(tag, {}, node);
  }
  return node;
}

export { mrkdwn, plainText };
