(() => {
  const doc = document, live = doc.getElementById('live'), held = new Map();
  let skew = Date.parse(doc.body.dataset.now) - Date.now(), stopped = null;
  const span = s => s < 90 ? Math.round(s) + ' s' : s < 5400 ? Math.round(s / 60) + ' min'
    : s < 129600 ? Math.round(s / 3600) + ' h' : Math.round(s / 86400) + ' d';
  const ages = root => root.querySelectorAll('[data-at]').forEach(e => {
    const s = (Date.now() + skew - Date.parse(e.dataset.at)) / 1000;
    const text = s >= 0 ? span(s) + ' ago' : 'in ' + span(-s);
    if (e.textContent !== text) e.textContent = text;
  });
  const say = (state, text) => {
    if (live.className !== 'live ' + state) live.className = 'live ' + state;
    const at = live.querySelector('span');
    if (at.textContent !== text) at.textContent = text;
  };
  // What is changed in place keeps its open parts, its focus, and a selection that somebody is about to copy.
  const put = (id, html) => {
    const old = doc.getElementById(id), chosen = getSelection();
    if (!old) return;
    if (!chosen.isCollapsed && old.contains(chosen.anchorNode)) { held.set(id, html); return; }
    held.delete(id);
    const box = doc.createElement('template');
    box.innerHTML = html;
    const fresh = box.content.firstElementChild;
    // A part that begins to fail opens, one that heals folds; else it stays as the person left it.
    fresh.querySelectorAll('details[id]').forEach(part => {
      const was = doc.getElementById(part.id);
      if (was && was.dataset.open === part.dataset.open) part.open = was.open;
    });
    if (old.dataset.open !== fresh.dataset.open) old.open = fresh.open;
    if (fresh.dataset.open) old.dataset.open = fresh.dataset.open;
    ages(fresh);
    const focused = old.contains(doc.activeElement) ? doc.activeElement.id : '';
    old.className = fresh.className;
    if (id !== 'say' || old.textContent !== fresh.textContent) old.replaceChildren(...fresh.childNodes);
    const again = focused && doc.getElementById(focused);
    if (again && again !== doc.activeElement) again.focus({ preventScroll: true });
  };
  // A browser tries again by itself after a broken line, not after a refusal (the probe stops, too many look).
  let source, tried = 0;
  const connect = () => {
    tried = Date.now();
    source = new EventSource('events' + location.search);
    source.addEventListener('layout', e => { if (e.data !== doc.body.dataset.layout) location.reload(); });
    source.addEventListener('title', e => { doc.title = e.data; });
    source.addEventListener('part', e => { const part = JSON.parse(e.data); put(part.id, part.html); });
    source.addEventListener('now', e => { skew = Date.parse(e.data) - Date.now(); stopped = null; say('on', 'live'); });
    source.addEventListener('error', () => {
      stopped = stopped || new Date(Date.now() + skew).toISOString().slice(11, 19);
    });
  };
  connect();
  setInterval(() => {
    ages(doc);
    held.forEach((html, id) => put(id, html));
    if (stopped) say('off', 'not live since ' + stopped + ' UTC: what is shown is old');
    if (source.readyState === 2 && Date.now() - tried > 5000) connect();
  }, 1000);
})();
