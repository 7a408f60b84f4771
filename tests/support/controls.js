/* The controls of a page, for those who use it by keyboard. */
(() => {
  "use strict";

  /* Of a group of radio buttons, arrows choose the others. */
  function isInTurn(each, all) {
    if (each.type !== "radio") return true;

    const group = all.filter(({name, form}) => name === each.name && form === each.form);

    return each === (group.find((other) => other.checked) ?? group[0]);
  }

  /* The controls in the order in which Tab has to come to them. */
  function find() {
    const root = document.querySelector("dialog:modal") ?? document;
    const all = "a[href], button, input, select, textarea, summary, [tabindex]";

    return [...root.querySelectorAll(all)]
      .filter((each) => !each.disabled && each.tabIndex >= 0 && each.type !== "hidden")
      .filter((each) => each.checkVisibility({visibilityProperty: true}))
      .filter((each, _, found) => isInTurn(each, found));
  }

  /* How a control and what is around it are drawn. */
  function drawn(control) {
    const label = control.closest("label");

    return [control, control.nextElementSibling, label, control.parentElement]
      .filter(Boolean)
      .flatMap((each) => [getComputedStyle(each), getComputedStyle(each, "::after")])
      .flatMap((style) => [
        style.outline, style.boxShadow, style.borderColor, style.backgroundColor,
      ])
      .join();
  }

  /* Whether anything of a control is on top. */
  function isFree(control) {
    const own = control.getBoundingClientRect();
    const isHidden = own.width < 4 || own.height < 4;
    const shown = (isHidden && control.closest("label")) || control;
    const {left, top, width, height} = shown.getBoundingClientRect();

    return [[0.5, 0.5], [0.1, 0.2], [0.9, 0.2], [0.1, 0.8], [0.9, 0.8]].some(([x, y]) => {
      const there = document.elementFromPoint(left + x * width, top + y * height);
      const isPage = there === document.body || there === document.documentElement;

      return there && !isPage && (shown.contains(there) || there.contains(control));
    });
  }

  const shorten = (control) => control.outerHTML.slice(0, 200);

  /* Number the controls, and note to which of them the focus comes. */
  window.numberControls = () => {
    window.controls = find();
    window.came = [];
    document.addEventListener("focusin", (event) => {
      window.came.push(window.controls.indexOf(event.target));
    });

    return window.controls.map(shorten);
  };

  /* What is wrong with the focus on them. */
  window.lookAtFocus = () => {
    const found = window.controls.flatMap((control) => {
      document.activeElement.blur();
      const before = drawn(control);
      control.focus({focusVisible: true});
      const isSeen = before !== drawn(control);

      return [
        isSeen ? "" : "the focus on it cannot be seen",
        isFree(control) ? "" : "it is covered while it has the focus",
      ].filter(Boolean).map((what) => `${shorten(control)}: ${what}`);
    });
    window.came = [];

    return found;
  };
})();
