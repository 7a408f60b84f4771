/* What makes the forms of the cart pleasant. All of them work without it, too. */
(() => {
  "use strict";

  const READING_TIME = 6000;
  const DOUBLE_CLICK = 400;
  const MORE_TAPS = 350;
  const WAITING = 100;
  const byId = (id) => document.getElementById(id);
  const parse = (text) => new DOMParser().parseFromString(text, "text/html");

  // Where lines are shown: on the page of the cart, or else in the drawer.
  const SHOWN = ":is(#cart, #cart-drawer)";

  document.documentElement.classList.add("cart-js");

  /* Forms are sent without a new page, and change what a change can be seen in. */

  function live() {
    const parts = [
      "cart", "cart-mini", "cart-summary", "cart-drawer-lines", "cart-drawer-end",
    ].filter(byId);

    return {
      "data-hx-boost": "true",
      "data-hx-push-url": "false",
      "data-hx-swap": "none settle:0ms show:none ignoreTitle:true",
      "data-hx-select-oob": [...parts, "cart-messages:innerHTML"].map((id) => `#${id}`).join(","),
    };
  }

  document.addEventListener("htmx:beforeProcessNode", (event) => {
    const form = event.target;

    if (!form.matches(".cart-form")) return;

    if (form.method === "get") makeOwn(form);

    for (const [name, value] of Object.entries(live())) {
      if (!form.hasAttribute(name)) form.setAttribute(name, value);
    }
  });

  /* One-time keys: a form that stays on the page gets a new one for its next use. */

  function renewKeys(within) {
    for (const field of within.querySelectorAll("[name=cart_key]")) {
      const bytes = crypto.getRandomValues(new Uint8Array(12));
      const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
      field.value = key.join("");
    }
  }

  /* The page may be out of a cache, with keys that were used. */

  document.addEventListener("DOMContentLoaded", () => renewKeys(document));

  /* A page that is everybody's has no keys and no tokens: without scripts, its forms ask
     first. With them, a form gets a key now, and a token when it is sent. */

  function addField(form, name, value = "") {
    const field = document.createElement("input");

    form.append(Object.assign(field, {type: "hidden", name, value}));

    return field;
  }

  function makeOwn(form) {
    form.method = "post";
    // Two at once would be two new shoppers, of whom the browser remembers one.
    form.setAttribute("hx-sync", "body:queue all");
    addField(form, "cart_key");
    renewKeys(form);
  }

  // The first one begins a session, of which there must not be two.
  let token = null;

  async function fetchToken(address) {
    const headers = {"Accept": "text/html", "HX-Request": "true", "Cart-Pieces": "*"};
    const answer = await fetch(address, {headers});
    const page = parse(await answer.text());

    return page.querySelector("[name=csrf_token]")?.value;
  }

  async function sendWithToken(form, address, send) {
    try {
      const value = await (token ??= fetchToken(address).finally(() => token = null));

      // The page says what is the matter.
      if (!value) return location.assign(address);

      addField(form, "csrf_token", value);
      form.dataset.everybody = "";
      send();
    } catch {
      sayThatItFailed();
      setBusy(form, false);
    }
  }

  document.addEventListener("htmx:confirm", (event) => {
    const {elt: form, path, issueRequest} = event.detail;

    if (form.dataset.everybody !== "token") return;

    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form));
    fields.delete("cart_key");
    sendWithToken(form, `${path}?${fields}`, issueRequest);
  });

  /* Busy: buttons are not disabled, which would take the focus from them. */

  function setBusy(form, busy) {
    form.setAttribute("aria-busy", busy);

    for (const button of form.elements) {
      if (button.matches("button")) button.setAttribute("aria-disabled", busy);
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;

    if (!form.matches(".cart-form")) return;

    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }

    // Without scripts it is there for what is typed, which Enter sends. Where else that
    // is pressed, the button beside the field is meant.
    if (event.submitter?.matches(".cart-update")) {
      const field = document.activeElement;
      const meant = field.parentElement.querySelector("button");

      event.preventDefault();
      event.stopImmediatePropagation();
      // Not yet: a form takes no other button while it is being submitted.
      if (!field.closest(".cart-line")) setTimeout(() => meant?.click());
      return;
    }

    const isForward = event.submitter?.name === "forward";

    // Whatever was typed has to be there before.
    if (isForward && isChanging()) {
      event.preventDefault();
      event.stopImmediatePropagation();
      setTimeout(() => byId(event.submitter.id)?.click(), WAITING);
      return;
    }

    form.dataset.sent = Date.now();
    setBusy(form, true);

    // It leads to another page, as forms do.
    if (isForward) event.stopPropagation();
  }, true);

  /* The second click of a double click, and a key that is held down, mean nothing
     more. What they would hit may be another button by then. */

  function isFormButton(element) {
    const form = element.closest("button")?.form;

    return form?.matches(".cart-form:not(.cart-step)") ?? false;
  }

  document.addEventListener("click", (event) => {
    if (event.detail > 1 && isFormButton(event.target)) event.preventDefault();
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.repeat && event.key === "Enter" && isFormButton(event.target)) {
      event.preventDefault();
    }
  }, true);

  /* Quantities: what is typed is sent when it changes. Taps are added up and sent as
     one step, which counts whatever another tab has done meanwhile. */

  const taps = new Map();
  let typed = null;

  function isChanging() {
    const busy = document.querySelector(`${SHOWN} [aria-busy="true"]`);

    return typed !== null || taps.size > 0 || busy !== null;
  }

  const isBusy = (line) => line.querySelector('[aria-busy="true"]') !== null;

  function sendTyped() {
    const field = typed && byId(typed.id);
    const line = field?.closest(".cart-line");

    if (!line) {
      typed = null;
      return;
    }

    if (isBusy(line)) {
      setTimeout(sendTyped, MORE_TAPS);
      return;
    }

    field.value = typed.value;
    typed = null;

    if (field.value !== field.defaultValue && field.reportValidity()) {
      const form = line.querySelector(".cart-step");
      const address = form.action.replace(/\/increment$/, "");

      sendWith(form, {quantity: field.value, seen: field.defaultValue}, address);
    }
  }

  /* Send a form with more fields than it has, maybe to another address. */
  function sendWith(form, values, address = "") {
    const fields = Object.entries(values).map((each) => addField(form, ...each));

    form.dataset.address = address;
    form.requestSubmit();

    for (const field of fields) field.remove();
  }

  function sendTaps(id) {
    const line = byId(id)?.closest(".cart-line");
    const {by} = taps.get(id);

    if (line && isBusy(line)) {
      taps.set(id, {by, timer: setTimeout(sendTaps, MORE_TAPS, id)});
      return;
    }

    taps.delete(id);

    if (!line || by === 0) return;

    sendWith(line.querySelector(".cart-step"), {by});
  }

  function showTaps(field) {
    field.value = Number(field.defaultValue) + (taps.get(field.id)?.by ?? 0);
    field.dataset.tapped = "";
  }

  function tap(field, by) {
    const next = Number(field.value) + by;
    const waiting = taps.get(field.id) ?? {by: 0};

    if (next < Number(field.dataset.least ?? 1) || next > Number(field.max)) return;

    clearTimeout(waiting.timer);
    taps.set(field.id, {
      by: waiting.by + by,
      timer: setTimeout(sendTaps, MORE_TAPS, field.id),
    });
    field.value = next;
    field.dataset.tapped = "";
  }

  document.addEventListener("input", (event) => {
    delete event.target.dataset.tapped;
  });

  document.addEventListener("change", (event) => {
    if (!event.target.matches(".cart-line input[type=number]")) return;

    typed = {id: event.target.id, value: event.target.value};
    setTimeout(sendTyped);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");

    if (!button?.form?.matches(".cart-step")) return;

    event.preventDefault();
    tap(
      button.closest(".cart-line").querySelector("input[type=number]"),
      Number(button.value),
    );
  });

  /* Messages: those that only tell something go away, unless somebody is there. */

  function expire(message) {
    setTimeout(() => {
      if (message.matches(":hover, :focus-within")) expire(message);
      else message.remove();
    }, READING_TIME);
  }

  /* Above the messages there is room for what is being used. */
  function makeRoom() {
    const used = document.activeElement;
    const height = byId("cart-messages").offsetHeight;

    document.documentElement.style.setProperty("--cart-messages", `calc(${height}px + 2rem)`);

    if (height && used?.matches("main *")) used.scrollIntoView({block: "nearest"});
  }

  document.addEventListener("DOMContentLoaded", () => {
    const messages = byId("cart-messages");
    if (messages) new ResizeObserver(makeRoom).observe(messages);
  });

  function watchMessages() {
    for (const message of document.querySelectorAll(".cart-message:not([data-seen])")) {
      message.dataset.seen = "";
      if (!message.matches(".cart-message-error, :has(form)")) expire(message);
    }
  }

  let lastFocused = null;

  document.addEventListener("focusin", (event) => {
    if (!event.target.closest("#cart-messages")) lastFocused = event.target;
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".cart-dismiss");

    if (button === null) return;

    button.closest(".cart-message").remove();
    (lastFocused?.isConnected ? lastFocused : byId(lastFocused?.id))?.focus();
  });

  function sayThatItFailed() {
    const messages = byId("cart-messages");

    // What can be undone can be tried again.
    messages?.querySelectorAll(".cart-message:not(:has(form))").forEach((each) => each.remove());
    messages?.append(byId("cart-failed").content.cloneNode(true));
  }

  /* What the page has: it is not sent again. */

  document.addEventListener("htmx:configRequest", (event) => {
    const pieces = document.querySelectorAll(`${SHOWN} [data-piece]`);
    const known = Array.from(pieces, (piece) => piece.dataset.piece);
    const drawer = findDrawer(event.detail);

    // A page that does not show the cart needs no piece of it.
    event.detail.headers["Cart-Pieces"] = drawer || byId("cart") ? known.join(" ") : "*";

    event.detail.path = event.detail.elt.dataset.address || event.detail.path;

    // With scripts, quantities have been sent already, or are half typed.
    for (const name of [...event.detail.formData.keys()]) {
      const isQuantity = /^(quantity|seen)\./.test(name);

      if (isQuantity && event.detail.elt.id === "cart-typed") {
        event.detail.formData.delete(name);
      }
    }

    // What is done with the drawer open is answered with what is in it then.
    if (drawer && event.detail.verb === "post") {
      event.detail.parameters.next = drawer.dataset.address;
    }
  });

  /* The drawer: what is in it is asked for when it is opened. While it is open, nothing
     outside of it can be reached, so the messages move into it. */

  let opener = null;
  const messagesPlace = document.createComment("");

  const isAdding = ({path, verb}, drawer) =>
    verb === "post" && new URL(path, location).pathname === drawer.dataset.adding;

  /* The drawer, if that is where an answer is shown. */
  function findDrawer(request) {
    const drawer = byId("cart-drawer");
    const isMeant = drawer && (drawer.open || isAdding(request, drawer));

    return isMeant ? drawer : null;
  }

  function openDrawer() {
    const root = document.documentElement;

    opener = document.activeElement;
    // Without its scrollbar, the page would be wider.
    root.classList.toggle("cart-gutter", innerWidth > root.clientWidth);
    const messages = byId("cart-messages");
    messages.replaceWith(messagesPlace);
    byId("cart-drawer-end").before(messages);
    byId("cart-drawer").showModal();
  }

  const opensElsewhere = (click) =>
    click.ctrlKey || click.metaKey || click.shiftKey || click.altKey;

  document.addEventListener("click", (event) => {
    const link = event.target.closest("#cart-mini");

    if (!link || opensElsewhere(event) || !byId("cart-drawer") || !window.htmx) return;

    event.preventDefault();
    openDrawer();
    refresh();
  });

  document.addEventListener("click", (event) => {
    const isOutside = event.target.matches("#cart-drawer");

    if (isOutside || event.target.closest(".cart-drawer-close")) {
      byId("cart-drawer").close();
    }
  });

  document.addEventListener("close", (event) => {
    if (!event.target.matches("#cart-drawer")) return;

    messagesPlace.replaceWith(byId("cart-messages"));
    (opener.isConnected ? opener : byId(opener.id))?.focus();

    // The drawer's answers did not have it.
    if (byId("cart-summary")) refresh();
  }, true);

  /* Swaps: an answer that was overtaken by a newer one is not shown, nothing that is
     half typed in is lost, and the focus is never left on nothing. */

  /* The form that sends what is typed in a field. */
  const senderOf = (field) =>
    field.closest(".cart-line")?.querySelector(".cart-step") ?? field.form;

  let drafts = [];
  let focused = null;

  // Its page has no room for what else was typed, which comes back behind it.
  const isConflict = () => document.querySelector(".cart-conflict") !== null;

  document.addEventListener("click", (event) => {
    const link = event.target.closest("#cart-leave");

    if (!link || opensElsewhere(event) || !drafts.length) return;

    event.preventDefault();
    window.htmx.trigger(byId("cart"), "cart-refresh");
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const sent = event.detail.requestConfig.elt;
    const fields = document.querySelectorAll(`${SHOWN} :is(input, textarea)[id]`);

    focused = document.activeElement?.id;

    if (!isConflict()) {
      drafts = Array.from(fields)
        .filter((field) => field.value !== field.defaultValue)
        .filter((field) => field.dataset.tapped === undefined)
        .filter((field) => senderOf(field) !== sent || field.id === typed?.id)
        .map((field) => [field.id, field.value]);
    }

    for (const field of document.querySelectorAll(`${SHOWN} [name=csrf_token]`)) {
      field.dataset.old = "";
    }

    // A conflict has a page of its own, where there is room to choose.
    if (event.detail.xhr.status === 409 && !byId("cart")) {
      event.detail.shouldSwap = false;
      byId("cart-typed").submit();
    }

    // The title is the page's, and not that of a form somewhere else, nor of an answer
    // that is not shown.
    if (byId("cart") && event.detail.shouldSwap) {
      const {title} = parse(event.detail.serverResponse);
      document.title = title || document.title;
    }
  });

  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const {target, fragment} = event.detail;
    const next = fragment.querySelector("[data-version]")?.dataset.version;
    const isOlder = Number(next) < Number(target.dataset.version);

    // Version 0 is a cart that there is not any more.
    if (next !== "0" && isOlder) event.detail.shouldSwap = false;
  });

  /* Pieces that stayed have an old token, which may not be good for as long. */
  function renewTokens() {
    const token = document.querySelector(`${SHOWN} [name=csrf_token]:not([data-old])`);

    for (const field of document.querySelectorAll(`${SHOWN} [name=csrf_token]`)) {
      delete field.dataset.old;
      if (token) field.value = token.value;
    }
  }

  function fillIn(form) {
    const line = form.closest(".cart-line");
    const field = line?.isConnected && line.querySelector("input[type=number]");

    // What was refused is not in the cart.
    if (field && field.id !== typed?.id) showTaps(field);

    for (const id of taps.keys()) {
      if (byId(id)) showTaps(byId(id));
    }

    if (isConflict()) return;

    for (const [id, value] of drafts.splice(0)) {
      const field = byId(id);
      if (field) field.value = value;
    }
  }

  function findFocus(form, button) {
    if (document.activeElement !== document.body) return;

    const previous = focused ? byId(focused) : null;
    const line = previous?.closest(".cart-line");

    (line?.querySelector("input[type=number]")
      ?? byId(button?.dataset.focus ?? form.dataset.focus ?? button?.id)
      ?? document.querySelector(".cart-undo button")
      ?? byId("cart-heading")
      ?? byId("cart-drawer-heading"))?.focus();
  }

  function showAdded(config) {
    const drawer = findDrawer(config);

    // Why nothing was added is told on the page.
    if (drawer && !drawer.open && !document.querySelector(".cart-message-error")) {
      openDrawer();
    }
  }

  function finish({elt: form, requestConfig, successful}) {
    fillIn(form);
    renewTokens();
    watchMessages();

    // A piece was not there any more.
    if (document.querySelector(`${SHOWN} [data-hx-preserve]`)) location.reload();

    if (!form.matches(".cart-form")) return;

    findFocus(form, requestConfig.triggeringEvent?.submitter);

    if (successful) {
      renewKeys(form);
      tellTabs(Date.now());
      showAdded(requestConfig);
    }

    const rest = Number(form.dataset.sent) + DOUBLE_CLICK - Date.now();
    // Pieces that stayed have buttons of the form that is in its place.
    setTimeout(() => setBusy(byId(form.id) ?? form, false), Math.max(rest, 0));
  }

  // Not htmx:afterRequest, which nobody hears if the form is not on the page any more:
  // what another tab did may have been shown meanwhile.
  document.addEventListener("htmx:beforeSend", ({detail}) => {
    const {xhr, requestConfig, elt} = detail;

    xhr.addEventListener("error", sayThatItFailed);
    xhr.addEventListener("loadend", () => {
      const {failed, successful} = detail;

      if (failed) sayThatItFailed();

      finish({elt, requestConfig, successful});
    });
  });

  /* The cart may be another by now: when the browser goes back to a page as it was
     left, when a tab is looked at again, and when another one tells so. */

  const NEWS = "flask-cart";

  function refresh() {
    // What a conflict is about stays until the shopper has chosen. The page of a link is
    // about another cart.
    const cart = document.querySelector("#cart[data-hx-get]:not(.cart-conflict)");
    const drawer = document.querySelector("#cart-drawer[open]");
    const source = cart ?? drawer ?? byId("cart-mini");

    // Another tab may tell something before there is more of the page than its head.
    if (source === null) return;

    if (source.id === "cart-mini" && byId("cart-summary")) {
      // Only the page itself has one.
      const swap = source.getAttribute("data-hx-swap");
      // A page that somebody has gone back to is in the browser's cache.
      const headers = {"Cache-Control": "no-cache"};
      window.htmx?.ajax("GET", location.href, {source, swap, headers});
    } else {
      window.htmx?.trigger(source, "cart-refresh");
    }
  }

  function tellTabs(time) {
    const version = byId("cart-mini")?.dataset.version;

    // Some browsers keep nothing, and say so by an error.
    try {
      const [known] = (localStorage.getItem(NEWS) ?? "").split(" ");
      if (time || version !== known) localStorage.setItem(NEWS, `${version} ${time}`);
    } catch {}
  }

  document.addEventListener("DOMContentLoaded", () => tellTabs(0));

  addEventListener("storage", (event) => {
    if (event.key === NEWS && !document.hidden) refresh();
  });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });

  addEventListener("pageshow", (event) => {
    watchMessages();
    const [visit] = performance.getEntriesByType("navigation");

    if (!event.persisted && visit?.type !== "back_forward") return;

    renewKeys(document);

    for (const form of document.querySelectorAll(".cart-form")) setBusy(form, false);

    refresh();
  });
})();
