"use strict";
(function () {
  var all = function (selector, from) { return Array.prototype.slice.call((from || document).querySelectorAll(selector)); };
  var one = function (id) { return document.getElementById(id); };
  var cards = all("#scenarios > details.card");

  // A sandboxed page may not touch storage: then nothing is remembered, and nothing else changes.
  var memory = {
    get: function (key) { try { return window.localStorage.getItem(key); } catch (e) { return null; } },
    set: function (key, value) { try { window.localStorage.setItem(key, value); } catch (e) { /* not remembered */ } }
  };

  // Copying: where the clipboard is closed to us the command is selected instead.
  function select(node) {
    var range = document.createRange();
    range.selectNodeContents(node);
    var selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }
  all("button.copy").forEach(function (button) {
    var code = button.parentNode.querySelector("code");
    button.hidden = false;
    button.addEventListener("click", function () {
      var done = function (word) { button.textContent = word; window.setTimeout(function () { button.textContent = "Copy"; }, 2000); };
      var selected = function () { select(code); done("Selected"); };
      try {
        navigator.clipboard.writeText(code.textContent).then(function () { done("Copied"); }, selected);
      } catch (e) { selected(); }
    });
  });

  // Anchors inside folded cards unfold them, also in browsers that do not do so by themselves.
  function reveal() {
    var id = "";
    try { id = decodeURIComponent(location.hash.slice(1)); } catch (e) { return; }
    var target = id && one(id);
    if (!target) { return; }
    for (var node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") { node.open = true; node.hidden = false; }
    }
    (target.classList.contains("body") ? target.closest("details") : target).scrollIntoView();
  }
  window.addEventListener("hashchange", reveal);
  window.addEventListener("load", reveal); // after the browser's own scrolling
  reveal();

  window.addEventListener("beforeprint", function () {
    all("details:not([open])").forEach(function (node) { node.open = true; node.setAttribute("data-folded", ""); });
  });
  window.addEventListener("afterprint", function () {
    all("details[data-folded]").forEach(function (node) { node.open = false; node.removeAttribute("data-folded"); });
  });

  var tools = document.querySelector("#scenarios .tools");
  if (tools) {
    var filter = one("filter"), fold = one("fold");
    tools.hidden = false;
    var apply = function () {
      var word = filter.value.trim().toLowerCase();
      var failed = document.querySelector("input[name=show]:checked").value === "failed";
      var shown = 0;
      cards.forEach(function (card) {
        var fits = !word || card.querySelector("summary").textContent.toLowerCase().indexOf(word) >= 0;
        card.hidden = !fits || (failed && card.dataset.outcome === "passed");
        shown += card.hidden ? 0 : 1;
      });
      one("shown").textContent = shown === cards.length ? "" : shown + " of " + cards.length + " shown";
    };
    filter.addEventListener("input", apply);
    all("input[name=show]").forEach(function (radio) { radio.addEventListener("change", apply); });
    fold.addEventListener("click", function () {
      var open = fold.textContent === "Open all";
      cards.forEach(function (card) { card.open = open; });
      fold.textContent = open ? "Fold all" : "Open all";
    });
  }

  // Rows of the inspector: those that break a rule are never hidden, and paper shows all.
  var rows = document.querySelector("#handshake .rows");
  if (rows) {
    rows.hidden = false;
    var choose = function () {
      one("handshake").classList.toggle("only-changed", rows.querySelector(":checked").value === "changed");
    };
    rows.addEventListener("change", choose);
    choose(); // a browser may have kept the choice over a reload
  }

  // Single-letter keys have an off switch (WCAG 2.1.4).
  var keys = one("keys");
  if (keys) {
    keys.closest(".keys").hidden = false;
    keys.checked = memory.get("wslb-keys") !== "off";
    keys.addEventListener("change", function () { memory.set("wslb-keys", keys.checked ? "on" : "off"); });
    var at = -1;
    document.addEventListener("keydown", function (event) {
      if (!keys.checked || event.ctrlKey || event.metaKey || event.altKey) { return; }
      if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox") { return; }
      if (event.key === "f") {
        var failures = cards.filter(function (card) { return !card.hidden && /failed|errored/.test(card.dataset.outcome); });
        if (!failures.length) { return; }
        at = (at + 1) % failures.length;
        failures[at].open = true;
        failures[at].querySelector("summary").focus({preventScroll: true});
        failures[at].scrollIntoView();
      } else if (event.key === "/" && tools) {
        event.preventDefault();
        one("filter").focus();
      } else if (event.key === "?") {
        keys.closest("footer").scrollIntoView();
        keys.focus();
      }
    });
  }
})();
