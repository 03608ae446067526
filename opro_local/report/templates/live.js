const live = document.getElementById("live");
const status = document.getElementById("status");

// What the person has opened, sorted, scrolled to and focused in the part that is drawn anew.
function kept() {
  const texts = (selector) => [...live.querySelectorAll(selector)].map((each) => each.textContent);
  const sorted = live.querySelector("th[aria-sort]");
  const focus = live.contains(document.activeElement) ? document.activeElement : null;
  return {
    open: texts("details[open] > summary"),
    sorted: sorted && { text: sorted.textContent, order: sorted.getAttribute("aria-sort") },
    scrolled: [...live.querySelectorAll(".scroll")].map((each) => [named(each), each.scrollLeft, each.scrollTop]),
    focus: focus && named(focus),
  };
}

function named(element) {
  return element.tagName + (element.getAttribute("aria-label") || element.textContent);
}

function restore(before) {
  for (const summary of live.querySelectorAll("details > summary")) {
    summary.parentElement.open = before.open.includes(summary.textContent);
  }
  for (const head of live.querySelectorAll("table.sortable th")) {
    if (before.sorted && head.textContent === before.sorted.text) {
      const button = head.querySelector("button");
      button.click();
      if (before.sorted.order === "descending") button.click();
    }
  }
  for (const region of live.querySelectorAll(".scroll")) {
    const place = before.scrolled.find(([name]) => name === named(region));
    if (place) region.scrollTo(place[1], place[2]);
  }
  const focusable = [...live.querySelectorAll("button, summary, .scroll")];
  focusable.find((each) => named(each) === before.focus)?.focus({ preventScroll: true });
}

async function refresh() {
  const answer = await fetch(location.pathname);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const before = kept();
  live.replaceChildren(...page.getElementById("live").childNodes);
  status.textContent = page.getElementById("status").textContent;
  if (!page.getElementById("take-part")) document.getElementById("take-part")?.remove();
  enhance(live);
  restore(before);
}

let last = Promise.resolve();
let waiting = false; // one refresh is enough, however many changes come while another goes on
new EventSource(live.dataset.changes).addEventListener("changed", () => {
  if (waiting) return;
  waiting = true;
  const next = () => {
    waiting = false;
    return refresh();
  };
  last = last.then(next, next);
});
