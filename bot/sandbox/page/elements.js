// Buttons, menus and fields. In a view the input of a field is kept as a draft and survives an update of the view.
import { h, safeUrl } from "./dom.js";
import { plainText, textObject } from "./mrkdwn.js";

/** The control of an element. */
export function control(element, block, where, page, id) {
  const draw = CONTROLS[element.type];
  if (!draw) return h("span", { class: "unknown" }, `[${element.type}]`);
  const context = { element, block, where, page, id, key: `${block.block_id}/${element.action_id}` };
  const node = draw(context);
  node.dataset.actionId = element.action_id;
  return node;
}

const CONTROLS = {
  button: ({ element, block, where, page }) => {
    const url = element.url && safeUrl(element.url);
    const press = async () => {
      if (element.confirm && !(await page.confirm(element.confirm, element.style))) return;
      if (url) window.open(url, "_blank", "noopener");
      await page.press(where, block, element, undefined, button);
    };
    const label = element.accessibility_label ?? null;
    const button = h("button", { type: "button", class: `button ${element.style ?? ""}`, "aria-label": label, onclick: press }, ...plainText(element.text.text));
    return button;
  },
  overflow: (context) => {
    const { element, block, where, page } = context;
    const node = h("div", { class: "overflow" });
    const choose = async (option) => {
      if (element.confirm && !(await page.confirm(element.confirm))) return;
      if (option.url && safeUrl(option.url)) window.open(safeUrl(option.url), "_blank", "noopener");
      await page.press(where, block, element, option.value, button);
    };
    const button = h("button", { type: "button", class: "button more", "aria-label": "More actions", "aria-haspopup": "menu", onclick: (event) => {
      event.stopPropagation();
      page.menu(button, element.options.map((option) => ({ nodes: plainText(option.text.text), value: option.value, choose: () => choose(option) })));
    } }, "⋯");
    node.append(button);
    return node;
  },
  plain_text_input: ({ element, block, where, page, id, key }) => {
    const field = h(element.multiline ? "textarea" : "input", {
      id, class: "field", "data-key": key, maxlength: element.max_length, placeholder: element.placeholder?.text ?? "",
      value: page.draft(where, key) ?? element.initial_value ?? "", rows: element.multiline ? 4 : null, autocomplete: "off",
      oninput: () => page.setDraft(where, key, field.value),
    });
    page.register(where, key, () => field.value);
    if (block.dispatch_action) field.addEventListener("keydown", (event) => event.key === "Enter" && !event.shiftKey && page.press(where, block, element, field.value, field));
    return field;
  },
  static_select: (context) => select(context, groupsOf(context.element)),
  multi_static_select: (context) => checks(context, groupsOf(context.element).flatMap((group) => group.options), "checkbox"),
  external_select: (context) => typed(context),
  multi_external_select: (context) => typed(context),
  users_select: (context) => select(context, [{ options: context.page.people() }]),
  channels_select: (context) => select(context, [{ options: context.page.places() }]),
  conversations_select: (context) => select(context, [{ options: context.page.places() }]),
  radio_buttons: (context) => checks(context, context.element.options, "radio"),
  checkboxes: (context) => checks(context, context.element.options, "checkbox"),
  timepicker: (context) => picker(context, "time", context.element.initial_time),
  datepicker: (context) => picker(context, "date", context.element.initial_date),
};

function groupsOf(element) {
  return element.option_groups ?? [{ options: element.options ?? [] }];
}

function initialOf(element) {
  return element.initial_option?.value ?? element.initial_user ?? element.initial_channel ?? element.initial_conversation ?? "";
}

function select({ element, block, where, page, id, key }, groups) {
  const chosen = page.draft(where, key) ?? initialOf(element);
  const option = (item) => h("option", { value: item.value, selected: item.value === chosen }, item.text.text);
  const node = h(
    "select",
    { id, class: "field select", "data-key": key },
    h("option", { value: "", selected: !chosen, disabled: !chosen }, element.placeholder?.text ?? "Choose an option"),
    groups.map((group) => (group.label ? h("optgroup", { label: group.label.text }, group.options.map(option)) : group.options.map(option))),
  );
  node.addEventListener("change", async () => {
    page.setDraft(where, key, node.value);
    if (block.type === "input" && !block.dispatch_action) return;
    if (element.confirm && !(await page.confirm(element.confirm))) return;
    await page.press(where, block, element, node.value, node);
  });
  page.register(where, key, () => node.value || null);
  return node;
}

function checks({ element, block, where, page, id, key }, options, type) {
  const initial = (element.initial_options ?? (element.initial_option ? [element.initial_option] : [])).map((option) => option.value);
  const chosen = new Set(page.draft(where, key) ?? initial);
  const box = (option) =>
    h("label", { class: "check" },
      h("input", { type, name: `${id ?? ""}${key}`, value: option.value, checked: chosen.has(option.value), onchange: () => {
        page.setDraft(where, key, values());
        if (block.type !== "input" || block.dispatch_action) page.press(where, block, element, given(), node);
      } }),
      h("span", {}, ...textObject(option.text), option.description && h("div", { class: "hint" }, ...textObject(option.description))));
  const node = h("div", { class: "checks", role: "group", "data-key": key }, options.map(box));
  const values = () => [...node.querySelectorAll("input:checked")].map((input) => input.value);
  const given = () => (type === "radio" ? values()[0] ?? null : values());
  page.register(where, key, given);
  return node;
}

function picker({ block, element, where, page, id, key }, type, initial) {
  const node = h("input", { id, type, class: "field", "data-key": key, value: page.draft(where, key) ?? initial ?? "", onchange: () => {
    page.setDraft(where, key, node.value);
    if (block.type !== "input") page.press(where, block, element, node.value, node);
  } });
  page.register(where, key, () => node.value || null);
  return node;
}

/** An external select: the bot offers the options for the typed text. */
function typed({ element, block, where, page, id, key }) {
  const least = element.min_query_length ?? 3;
  let chosen = page.draft(where, key) ?? element.initial_option ?? element.initial_options?.[0] ?? null;
  let wait = 0;
  let asked = 0;
  const list = h("ul", { class: "options", role: "listbox", hidden: true });
  const field = h("input", {
    id, class: "field", "data-key": key, role: "combobox", "aria-expanded": "false", autocomplete: "off",
    placeholder: element.placeholder?.text ?? "Search", value: chosen?.text.text ?? page.draft(where, `${key} typed`) ?? "",
  });
  const show = (...items) => {
    list.replaceChildren(...items);
    list.hidden = !items.length;
    field.setAttribute("aria-expanded", String(items.length > 0));
  };
  const note = (text) => show(h("li", { class: "note" }, text));
  const choose = async (option) => {
    chosen = option;
    field.value = option.text.text;
    page.setDraft(where, key, option);
    show();
    if (block.type !== "input" || block.dispatch_action) await page.press(where, block, element, option, field);
  };
  const look = async () => {
    if (field.value.length < least) return note(`Type at least ${least} characters`);
    const number = ++asked;
    if (list.hidden) note("Looking…");
    const answer = await page.lookUp(where, block, element, field.value);
    if (number !== asked || document.activeElement !== field) return undefined;
    if (!answer.ok) return note(`Loading failed (${answer.error})`);
    if (!answer.options.length) return note("Nothing found");
    return show(...answer.options.map((option) => h("li", { role: "option", "data-value": option.value, onmousedown: (event) => {
      event.preventDefault();
      choose(option);
    } }, h("div", {}, ...plainText(option.text.text)), option.description && h("div", { class: "hint" }, ...plainText(option.description.text)))));
  };
  field.addEventListener("input", () => {
    chosen = null;
    page.setDraft(where, `${key} typed`, field.value);
    page.setDraft(where, key, null);
    clearTimeout(wait);
    wait = setTimeout(look, 200);
  });
  field.addEventListener("focus", look);
  field.addEventListener("blur", () => {
    show();
    if (chosen) field.value = chosen.text.text;
  });
  field.addEventListener("keydown", (event) => {
    const items = [...list.querySelectorAll("[role=option]")];
    const current = items.findIndex((item) => item.classList.contains("on"));
    if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      show();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      items[current]?.classList.remove("on");
      items[(current + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length]?.classList.add("on");
    } else if (event.key === "Enter" && items.length) {
      event.preventDefault();
      (items[current] ?? items[0]).dispatchEvent(new MouseEvent("mousedown", { cancelable: true }));
    }
  });
  page.register(where, key, () => (element.type === "multi_external_select" ? (chosen ? [chosen] : []) : chosen));
  return h("div", { class: "combobox" }, field, list);
}
