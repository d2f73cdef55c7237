"use strict";
// The page reads without this: it adds the theme's switch, sorting and zooming.
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const store = {
    get() { try { return localStorage.getItem("theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("theme", value); } catch { /* file:// may forbid it */ } },
  };
  if (store.get()) root.dataset.theme = store.get();
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    store.set(root.dataset.theme);
  });

  // On a phone the contents start folded.
  const contents = document.querySelector("nav details");
  if (!matchMedia("(min-width: 62rem)").matches) contents.open = false;

  for (const table of document.querySelectorAll("table")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
        const key = (row) => row.cells[column].dataset.key;
        const order = (a, b) => {
          const [p, q] = [key(a), key(b)];
          if (p === "" || q === "") return (p === "") - (q === "");
          const [x, y] = [Number(p), Number(q)];
          return sign * (Number.isNaN(x) || Number.isNaN(y) ? p.localeCompare(q) : x - y);
        };
        table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
      });
    });
  }

  const zoom = document.getElementById("zoom");
  const stage = zoom.querySelector("div");
  let home = null;
  for (const frame of document.querySelectorAll(".frame")) {
    frame.classList.add("zoomable");
    frame.tabIndex = 0;
    frame.setAttribute("role", "button");
    frame.setAttribute("aria-label", "Enlarge the figure");
    const open = () => {
      if (!frame.firstElementChild) return;
      home = frame;
      frame.style.height = `${frame.offsetHeight}px`;
      stage.append(frame.firstElementChild);
      zoom.showModal();
    };
    frame.addEventListener("click", open);
    frame.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); }
    });
  }
  stage.addEventListener("click", () => stage.classList.toggle("close-up"));
  zoom.querySelector("button").addEventListener("click", () => zoom.close());
  zoom.addEventListener("close", () => {
    home.append(stage.firstElementChild);
    home.style.height = "";
    stage.classList.remove("close-up");
    home.focus({ preventScroll: true });
  });
})();
