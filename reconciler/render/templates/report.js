"use strict";
(() => {
  /* Where the style alone cannot open them on paper. */
  let wasClosed = [];
  addEventListener("beforeprint", () => {
    wasClosed = [...document.querySelectorAll("details:not([open])")];
    for (const details of wasClosed) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of wasClosed) details.open = false;
  });

  const form = document.getElementById("filters");
  if (!form) return;
  const search = document.getElementById("search");
  const status = document.getElementById("shown");
  const FACETS = ["action", "outcome", "kind", "reason", "environment"];

  const environments = [...document.querySelectorAll(".environment")].map((element) => ({
    element,
    name: element.dataset.environment,
    title: element.querySelector(".title .count"),
    changes: [...element.querySelectorAll(".change")].map((change) => ({
      element: change,
      told: { ...change.dataset, environment: element.dataset.environment },
    })),
  }));
  const changes = environments.flatMap((environment) => environment.changes);
  const number = (count) => count.toLocaleString("en");

  function textOf(one) {
    one.text ??= `${one.element.textContent} ${one.told?.environment ?? ""}`.toLowerCase();
    return one.text;
  }

  function wish() {
    const data = new FormData(form);
    const chosen = FACETS.map((name) => [name, data.getAll(name).filter(Boolean)]).filter(([, values]) => values.length);
    return { chosen, words: search.value.toLowerCase().split(/\s+/).filter(Boolean) };
  }

  function fits(one, { chosen, words }) {
    return (
      chosen.every(([name, values]) => values.includes(one.told[name])) && words.every((word) => textOf(one).includes(word))
    );
  }

  /** An environment stays for a change of its own, or for what is said about it as a whole. */
  function stays(environment, { chosen, words }, shown) {
    const own = chosen.filter(([name]) => name === "environment");
    if (own.length && !own[0][1].includes(environment.name)) return false;
    if (shown || chosen.length + words.length === own.length) return true;
    return chosen.length === own.length && words.every((word) => textOf(environment).includes(word));
  }

  function filter() {
    const wished = wish();
    let total = 0;
    for (const environment of environments) {
      let shown = 0;
      for (const one of environment.changes) {
        const fit = fits(one, wished);
        one.element.hidden = !fit;
        shown += fit;
      }
      environment.element.hidden = !stays(environment, wished, shown);
      if (environment.title) environment.title.textContent = counted(shown, environment.changes.length);
      total += shown;
    }
    const places = environments.filter((environment) => !environment.element.hidden).length;
    status.textContent = `${counted(total, changes.length, "change")}, ${counted(places, environments.length, "environment")}`;
    remember(wished);
  }

  function counted(shown, all, noun) {
    const told = shown === all ? number(all) : `${number(shown)} of ${number(all)}`;
    return noun ? `${told} ${noun}${all === 1 ? "" : "s"}` : told;
  }

  function remember({ chosen }) {
    const state = new URLSearchParams(chosen.flatMap(([name, values]) => values.map((value) => [name, value])));
    if (search.value) state.set("q", search.value);
    const hash = state.size ? `#${state}` : "";
    if (hash || location.hash.includes("=")) history.replaceState(null, "", hash || location.pathname + location.search);
  }

  function recall() {
    if (!location.hash.includes("=")) return filter();
    const state = new URLSearchParams(location.hash.slice(1));
    search.value = state.get("q") ?? "";
    for (const control of form.querySelectorAll("select, [type=checkbox]")) {
      const values = state.getAll(control.name);
      if (control.type === "checkbox") control.checked = values.includes(control.value);
      else control.value = values[0] ?? "";
    }
    filter();
  }

  function clear() {
    form.reset();
    filter();
  }

  function setOpen(open) {
    for (const one of changes) {
      const details = one.element.hidden ? null : one.element.querySelector("details");
      if (details) details.open = open;
    }
  }

  const handle = (element) => element.querySelector("summary, .bare");

  function move(step) {
    const shown = changes.filter((one) => !one.element.closest("[hidden]"));
    const at = shown.findIndex((one) => one.element.contains(document.activeElement));
    const next = at < 0 ? (step > 0 ? 0 : shown.length - 1) : Math.min(Math.max(at + step, 0), shown.length - 1);
    if (shown[next]) handle(shown[next].element).focus();
  }

  const STEPS = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const at = document.activeElement;
    const onRow = at === handle(at.closest(".change") ?? document.createElement("p"));
    if (event.key === "Escape") {
      clear();
      at.blur();
    } else if (at === search && event.key === "ArrowDown") {
      event.preventDefault();
      move(1);
    } else if (at.matches("input[type=search], select")) {
      return;
    } else if (event.key === "/") {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key in STEPS && (onRow || event.key.length === 1)) {
      event.preventDefault();
      move(STEPS[event.key]);
    }
  });

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("clear").addEventListener("click", clear);
  document.getElementById("open").addEventListener("click", () => setOpen(true));
  document.getElementById("close").addEventListener("click", () => setOpen(false));
  addEventListener("hashchange", () => location.hash.includes("=") && recall());

  form.hidden = false;
  recall();
})();
