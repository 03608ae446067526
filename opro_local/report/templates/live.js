const live = document.getElementById("live");
const status = document.getElementById("status");

async function refresh() {
  const answer = await fetch(location.pathname);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const open = [...live.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent);
  live.replaceChildren(...page.getElementById("live").childNodes);
  for (const summary of live.querySelectorAll("details > summary")) {
    summary.parentElement.open = open.includes(summary.textContent);
  }
  status.textContent = page.getElementById("status").textContent;
  enhance(live);
}

new EventSource(live.dataset.changes).addEventListener("changed", refresh);
