'use strict';
(() => {
  const $ = id => document.getElementById(id);
  const base = location.pathname.replace(/\/+$/, '');
  const stages = ['Activate', 'Close', 'Prune', 'CleanUp1', 'CleanUp2', 'Stabilised'];
  const stageNames = { Activate: 'Activate', Close: 'Close', Prune: 'Prune', CleanUp1: 'Clean up 1', CleanUp2: 'Clean up 2', Stabilised: 'Stabilised' };
  const roleNames = { Master: 'Master', ViceMaster: 'Vice-master', In: 'Member', Out: 'Out' };
  const causes = { Silence: 'Silence', TripwireLost: 'Tripwire', LeaseLapsed: 'Lease lapsed', PeerActivated: 'Told by a peer', Contradiction: 'Contradiction', LateNode: 'Late node', Leave: 'Leave', Eject: 'Eject', Forced: 'Forced', Restarted: 'Restart', JoinAborted: 'Join aborted', Forming: 'Forming', ViewChange: 'Join or role' };
  const policies = { NodeMajority: 'node majority', NodeAndWitnessMajority: 'nodes + witness', WitnessOnly: 'witness only', TwoNodeWitness: 'two-node witness' };
  let snapshot = null, lines = [], lastContact = 0, may = null;

  const h = (tag, props = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) if (value !== undefined && value !== null) name in element ? element[name] = value : element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const mark = (element, name, value) => { if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value); };
  const ms = value => value === undefined || value === null ? '–' : value < 9.95 ? value.toFixed(1) + ' ms' : value < 9950 ? Math.round(value) + ' ms' : (value / 1000).toFixed(1) + ' s';
  const clock = text => new Date(text).toLocaleTimeString([], { hour12: false });
  const clockMs = text => { const at = new Date(text); return at.toLocaleTimeString([], { hour12: false }) + '.' + String(at.getMilliseconds()).padStart(3, '0'); };
  const ago = text => {
    const s = Math.max(0, (Date.parse(snapshot.takenAt) - Date.parse(text)) / 1000);
    return s < 90 ? Math.round(s) + ' s ago' : s < 5400 ? Math.round(s / 60) + ' min ago' : s < 129600 ? Math.round(s / 3600) + ' h ago' : Math.round(s / 86400) + ' days ago';
  };

  // Colours: as the system has them, unless told otherwise.
  const themes = ['auto', 'light', 'dark'];
  const store = { get: () => { try { return localStorage.getItem('regroup-theme'); } catch { return null; } }, set: value => { try { localStorage.setItem('regroup-theme', value); } catch { /* private windows have none */ } } };
  const applyTheme = theme => {
    if (theme === 'auto') document.documentElement.removeAttribute('data-theme'); else document.documentElement.dataset.theme = theme;
    put($('theme-icon'), { auto: '◐', light: '☀', dark: '☾' }[theme]);
    put($('theme-text'), { auto: 'Auto', light: 'Light', dark: 'Dark' }[theme]);
    $('theme').setAttribute('aria-label', 'Colours: ' + { auto: 'as the system has them', light: 'light', dark: 'dark' }[theme]);
  };
  let theme = themes.includes(store.get()) ? store.get() : 'auto';
  applyTheme(theme);
  $('theme').addEventListener('click', () => { theme = themes[(themes.indexOf(theme) + 1) % 3]; store.set(theme); applyTheme(theme); });
  for (const stage of stages) $('stage-legend').append(h('li', {}, h('span', { className: 'swatch stage s-' + stage, ariaHidden: 'true' }), stageNames[stage]));

  const tone = () => {
    const s = snapshot;
    if (s.phase === 'Halted') return ['bad', 'halted: ' + s.halt.code];
    if (s.current && s.phase !== 'Starting') return ['warn', 'regrouping, ' + (stageNames[s.current.stages.at(-1)?.stage] ?? 'starting')];
    if (s.phase !== 'Member') return ['warn', s.phase.toLowerCase()];
    if (s.stale) return ['warn', 'stale: no word of the master'];
    if (s.lease.state !== 'valid') return ['warn', 'lease ' + s.lease.state];
    return s.view.members.length < s.nodes.length ? ['warn', s.nodes.length - s.view.members.length + (s.nodes.length - s.view.members.length === 1 ? ' node out' : ' nodes out')] : ['ok', 'stable'];
  };

  const renderFacts = () => {
    const s = snapshot, view = s.view, last = s.past[0];
    document.title = (view ? '' : '⚠ ') + s.clusterId + ' · node ' + s.self;
    put($('cluster'), s.clusterId + (s.name ? ' / ' + s.name : ''));
    put($('self'), 'as seen by node ' + s.self + ', ' + roleNames[s.role].toLowerCase());
    const [mood, text] = tone();
    mark($('state'), 'data-tone', mood);
    put($('state-text'), text);
    put($('f-epoch'), view ? String(view.epoch) : 'none');
    put($('f-epoch-sub'), view ? 'view ' + view.id : 'not a member');
    put($('f-members'), (view ? view.members.length : 0) + ' of ' + s.nodes.length);
    put($('f-members-sub'), view ? view.votes + (view.votes === 1 ? ' vote' : ' votes') + ', ' + (policies[view.policy] ?? view.policy) : '');
    put($('f-master'), view && view.master ? 'node ' + view.master : 'none');
    put($('f-master-sub'), view && view.viceMaster ? 'vice-master: node ' + view.viceMaster : 'no vice-master');
    put($('f-lease'), s.lease.state === 'valid' ? s.lease.remainingMs === undefined ? 'no end' : ms(s.lease.remainingMs) : s.lease.state);
    put($('f-lease-sub'), 'epoch ' + s.lease.epoch + ', L = ' + ms(s.timing.lossPeriodMs));
    put($('f-last'), last ? causes[last.cause] ?? last.cause : 'none');
    put($('f-last-sub'), last ? ago(last.began) + ', took ' + ms(last.durationMs) : '');
    put($('f-witness'), s.witness ? s.witness.owner ? 'node ' + s.witness.owner : 'nobody' : 'none');
    put($('f-witness-sub'), s.witness ? (s.witness.lastOutcome && s.witness.lastOutcome !== 'Success' ? s.witness.lastOutcome + ': ' + (s.witness.lastDetail ?? '') : s.witness.description) : 'node votes only');
    $('f-witness-sub').title = s.witness ? s.witness.description + (s.witness.lastDetail ? ': ' + s.witness.lastDetail : '') : '';
    put($('taken'), 'Regroup Membership · as of ' + new Date(s.takenAt).toLocaleString([], { hour12: false }));
  };

  const nodeRows = new Map();
  const nodeRow = number => {
    const row = h('tr', {},
      h('th', { scope: 'row' }), h('td', {}, h('span', { className: 'role' })), h('td', { className: 'statecell' }, h('span', { className: 'pill' })), h('td', { className: 'num lifecell' }), h('td', { className: 'num votes' }),
      h('td', { className: 'leasecell' }, h('div', { className: 'lease' }, h('div', { className: 'track', ariaHidden: 'true' }, h('div', { className: 'fill' })), h('span'))),
      h('td', { className: 'ends' }), h('td', { className: 'act' }));
    const eject = h('button', { type: 'button', hidden: true }, 'Eject');
    eject.setAttribute('aria-label', 'Eject node ' + number);
    eject.addEventListener('click', () => act('eject', number, 'Eject node ' + number + '?', 'It stops serving and has to be started again to come back. The others get a new view without it.'));
    row.lastChild.append(eject);
    row.dataset.node = number;
    return { row, eject, role: row.querySelector('.role'), pill: row.querySelector('.pill'), life: row.querySelector('.lifecell'), votes: row.querySelector('.votes'), fill: row.querySelector('.fill'), left: row.querySelector('.lease span'), ends: row.querySelector('.ends'), name: row.firstChild };
  };
  const renderNodes = () => {
    const s = snapshot, loss = s.timing.lossPeriodMs, own = s.matrix.find(row => row.node === s.self), body = $('nodes').tBodies[0];
    for (const node of s.nodes) {
      let r = nodeRows.get(node.node);
      if (!r) { r = nodeRow(node.node); nodeRows.set(node.node, r); body.append(r.row); }
      const out = node.role === 'Out';
      mark(r.row, 'data-out', out);
      mark(r.row, 'data-state', node.state);
      if (!r.name.firstChild) r.name.append('Node ' + node.node, ...(node.node === s.self ? [h('span', { className: 'me' }, 'this node')] : []));
      mark(r.role, 'data-role', node.role);
      put(r.role, roleNames[node.role] + (node.qualified ? '' : ', disqualified'));
      mark(r.pill, 'data-tone', { up: 'ok', silent: 'bad', out: 'bad', reachable: 'warn', quarantined: 'bad' }[node.state]);
      put(r.pill, node.state);
      put(r.life, node.incarnation ? String(node.incarnation) : '–');
      put(r.votes, String(node.votes));
      const cell = own?.cells.find(c => c.node === node.node);
      // A node's own lease when it is known; else how long until its silence would count.
      const lease = node.lease, left = out ? 0 : lease ? lease.state === 'valid' ? lease.remainingMs ?? loss : 0 : cell?.heardMs === undefined ? 0 : Math.max(0, loss - cell.heardMs);
      r.fill.style.width = Math.min(100, 100 * left / loss) + '%';
      mark(r.fill, 'data-tone', left < loss * .2 ? 'bad' : left < loss * .4 ? 'warn' : 'ok');
      put(r.left, out ? '–' : lease ? lease.state === 'valid' ? lease.remainingMs === undefined ? 'no end' : ms(left) : lease.state : '~ ' + ms(left));
      r.left.title = lease ? 'What is left of its lease unless it is renewed' : 'Its silence would count after this time';
      put(r.ends, node.endpoints.join(', '));
      r.eject.hidden = !may || out || node.node === s.self;
    }
    $('cluster-actions').hidden = !may;
    $('do-switchover').disabled = s.role !== 'Master';
    $('do-switchover').title = s.role === 'Master' ? '' : 'Only the master hands its role over: open the page of node ' + (s.view?.master ?? '?');
  };

  const cells = new Map();
  let shape = '';
  const renderMatrix = () => {
    const s = snapshot, numbers = s.nodes.map(n => n.node), table = $('matrix');
    if (shape !== numbers.join()) {
      shape = numbers.join();
      cells.clear();
      table.classList.toggle('dense', numbers.length > 14);
      table.tHead.replaceChildren(h('tr', {}, h('td', { className: 'self' }), ...numbers.map(n => h('th', { scope: 'col' }, String(n)))));
      table.tBodies[0].replaceChildren(...numbers.map(from => h('tr', {}, h('th', { scope: 'row' }, 'Node ' + from), ...numbers.map(to => {
        const cell = h('td', from === to ? { className: 'self' } : {}, from === to ? '—' : '');
        if (from !== to) cells.set(from + '>' + to, cell);
        return cell;
      }))));
    }
    const rows = new Map(s.matrix.map(row => [row.node, row])), members = new Set(s.view?.members ?? []);
    for (const from of numbers) for (const to of numbers) {
      const cell = cells.get(from + '>' + to), row = rows.get(from);
      if (!cell) continue;
      let kind = 'unknown', text = '?', title = 'Node ' + from + ' has told nothing about node ' + to, heat = '';
      if (row) {
        const hears = row.hears.includes(to), data = row.cells.find(c => c.node === to);
        kind = !hears ? 'no' : row.source === 'live' ? 'yes' : 'seen';
        const rtt = data?.roundTripMs;
        text = !hears ? '×' : row.source !== 'live' ? '•' : rtt === undefined ? '…' : rtt < 9.95 ? rtt.toFixed(1) : String(Math.round(rtt));
        title = !hears ? 'Node ' + from + ' does not hear node ' + to + (data?.heardMs === undefined ? '' : ', since ' + ms(data.heardMs))
          : row.source !== 'live' ? 'Node ' + from + ' heard node ' + to + ' in the last regroup'
          : 'Node ' + from + ' hears node ' + to + ': ' + ms(data?.heardMs) + ' ago, round trip ' + ms(rtt) + (data && data.paths.length > 1 ? '\n' + data.paths.map((p, i) => 'path ' + (i + 1) + ' ' + p.endpoint + ': ' + ms(p.roundTripMs)).join('\n') : '');
        if (kind === 'yes') heat = 'color-mix(in srgb, var(--heat) ' + Math.round(rtt === undefined ? 10 : 14 + 61 * Math.min(1, Math.max(0, (Math.log10(rtt) + 1) / 3))) + '%, var(--surface))';
        if (kind === 'seen' && !(members.has(from) && members.has(to))) kind = 'unknown';
      }
      if (cell.className !== kind) cell.className = kind;
      put(cell, kind === 'unknown' ? '?' : text);
      if (cell.title !== title) { cell.title = title; cell.setAttribute('aria-label', title); }
      if (cell.style.background !== heat) cell.style.background = heat;
    }
  };

  const regroupItems = new Map();
  const renderRegroups = () => {
    const s = snapshot, all = s.current ? [s.current, ...s.past] : s.past, list = $('regroups'), wanted = new Set();
    $('no-regroups').hidden = all.length > 0;
    all.forEach((r, index) => {
      const key = r.began;
      wanted.add(key);
      let item = regroupItems.get(key);
      if (!item || !item.ended) {
        const open = item?.element.firstChild.open ?? false, focused = item?.element.contains(document.activeElement);
        const element = regroupItem(r, open);
        if (item) item.element.replaceWith(element);
        item = { element, ended: r.ended };
        regroupItems.set(key, item);
        if (focused) element.querySelector('summary').focus();
      }
      if (list.children[index] !== item.element) list.insertBefore(item.element, list.children[index] ?? null);
    });
    for (const [key, item] of regroupItems) if (!wanted.has(key)) { item.element.remove(); regroupItems.delete(key); }
  };
  const regroupItem = (r, open) => {
    const line = h('div', { className: 'line', role: 'img' });
    line.setAttribute('aria-label', r.stages.map(x => stageNames[x.stage] + ' ' + ms(x.durationMs)).join(', ') || 'no stages');
    for (const x of r.stages) { const bit = h('i', { className: 's-' + x.stage, title: stageNames[x.stage] + ', ' + ms(x.durationMs) }); bit.style.flexGrow = Math.max(x.durationMs, .01); line.append(bit); }
    const delta = h('span', { className: 'delta' });
    if (r.removed.length) delta.append(h('span', { className: 'gone' }, '− node ' + r.removed.join(', ')));
    if (r.removed.length && r.added.length) delta.append(' ');
    if (r.added.length) delta.append(h('span', { className: 'came' }, '+ node ' + r.added.join(', ')));
    if (!delta.childNodes.length) delta.append(h('span', { className: 'muted' }, r.ended ? 'same members' : 'deciding'));
    const details = h('details', { open }, h('summary', {},
      h('time', { className: 'muted', dateTime: r.began }, clock(r.began)), h('span', { className: 'cause', title: r.cause }, causes[r.cause] ?? r.cause),
      h('span', { className: 'epoch' }, r.epoch ? 'epoch ' + r.epoch : 'no view'), delta, line, h('span', { className: 'num took' }, ms(r.durationMs))));
    const table = h('div', { className: 'stages' });
    for (const x of r.stages) table.append(h('span', {}, h('span', { className: 'swatch stage s-' + x.stage, ariaHidden: 'true' }), stageNames[x.stage]), h('span', { className: 'num' }, 'at ' + ms(x.sinceMs)), h('span', { className: 'num' }, 'for ' + ms(x.durationMs)), h('span', { className: 'muted actv' }, 'activation ' + x.activation));
    if (!r.stages.length) table.append(h('span', { className: 'muted' }, 'A view change without a regroup.'));
    details.append(table);
    return h('li', r.ended ? {} : { className: 'going' }, details);
  };

  const filter = () => $('filter').value.trim().toLowerCase();
  const renderJournal = () => {
    const wanted = filter(), shown = lines.filter(l => !wanted || l.text.toLowerCase().includes(wanted)).slice(0, 400);
    put($('journal-count'), wanted ? shown.length + ' of ' + lines.length + ' lines' : lines.length + ' lines');
    $('journal').replaceChildren(...shown.map(l => {
      const text = h('span'), at = wanted ? l.text.toLowerCase().indexOf(wanted) : -1;
      if (at < 0) text.append(l.text); else text.append(l.text.slice(0, at), h('mark', {}, l.text.slice(at, at + wanted.length)), l.text.slice(at + wanted.length));
      return h('li', {}, h('time', { dateTime: l.time }, clockMs(l.time)), text);
    }));
  };
  $('filter').addEventListener('input', renderJournal);

  const changeText = c => ({ MasterElected: 'Node ' + c.node + ' is the master', MasterDemoted: 'Node ' + c.node + ' is no longer the master', ViceMasterElected: 'Node ' + c.node + ' is the vice-master', ViceMasterDemoted: 'Node ' + c.node + ' is no longer the vice-master', MemberJoined: 'Node ' + c.node + ' joined', MemberLeft: 'Node ' + c.node + ' left', StaleCluster: 'No word of the master: the cluster is stale', InvalidCluster: 'Two masters were seen: the cluster is invalid', ValidState: 'The cluster is valid again' })[c.change] ?? c.change;
  let changesKey = '';
  const renderChanges = () => {
    const key = snapshot.changes.length + (snapshot.changes[0]?.time ?? '');
    if (key === changesKey) return;
    changesKey = key;
    $('changes').replaceChildren(...snapshot.changes.map(c => h('li', {}, h('time', { dateTime: c.time }, clock(c.time)), h('span', {}, changeText(c)))));
  };

  const renderCounters = () => {
    const c = snapshot.counters, pairs = [];
    const names = { datagramsReceived: 'Datagrams received', datagramsSent: 'Datagrams sent', bytesReceived: 'Bytes received', bytesSent: 'Bytes sent', sendFailures: 'Send failures', messagesDelivered: 'Messages delivered', queueOverflows: 'Queue overflows', viewsInstalled: 'Views installed', storeWrites: 'Store writes', slowCallbacks: 'Slow callbacks', failedCallbacks: 'Failed callbacks', latestWakeupMs: 'Latest wake-up, ms' };
    for (const [key, name] of Object.entries(names)) pairs.push([name, c[key]]);
    for (const [reason, count] of Object.entries(c.dropped)) pairs.push(['Dropped: ' + reason, count]);
    for (const [cause, count] of Object.entries(c.regroups)) pairs.push(['Regroups: ' + (causes[cause] ?? cause), count]);
    const list = $('counters');
    while (list.children.length > pairs.length) list.lastChild.remove();
    pairs.forEach(([name, value], i) => {
      if (!list.children[i]) list.append(h('div', {}, h('dt'), h('dd')));
      put(list.children[i].firstChild, name);
      put(list.children[i].lastChild, (value ?? 0).toLocaleString('en'));
    });
  };

  // Said aloud when the view changes, and not with every tick.
  let said = null;
  const announce = () => {
    const view = snapshot.view, key = view ? view.id : snapshot.phase;
    if (said !== null && said !== key) put($('live'), view ? 'Epoch ' + view.epoch + '. Members: ' + view.members.join(', ') + '. ' + (view.master ? 'Master: node ' + view.master + '.' : 'No master.') : 'Node ' + snapshot.self + ' is ' + snapshot.phase.toLowerCase() + '.');
    said = key;
  };

  const render = () => { renderFacts(); renderNodes(); renderMatrix(); renderRegroups(); renderChanges(); renderCounters(); announce(); };

  const contact = () => {
    const silent = lastContact ? (Date.now() - lastContact) / 1000 : 0, away = silent > 3;
    document.body.classList.toggle('away', away);
    $('lost').hidden = !away;
    if (!away) return;
    put($('lost'), 'No contact with this node' + ' for ' + Math.round(silent) + ' s: what is shown is old. Trying again.');
    mark($('state'), 'data-tone', 'bad');
    put($('state-text'), 'no contact');
  };
  setInterval(contact, 500);

  const connect = () => {
    const events = new EventSource(base + '/events');
    events.addEventListener('snapshot', e => { snapshot = JSON.parse(e.data); lastContact = Date.now(); contact(); render(); });
    events.addEventListener('journal', e => { lines = JSON.parse(e.data); renderJournal(); });
    events.addEventListener('error', () => { lastContact ||= Date.now() - 3500; if (events.readyState === EventSource.CLOSED) { setTimeout(connect, 1000); } });
    events.addEventListener('open', askMay);
  };

  // What this user may do is asked once per connection; without it the page only shows.
  const askMay = async () => {
    try {
      const answer = await fetch(base + '/actions', { headers: { accept: 'application/json' }, credentials: 'same-origin' });
      const told = answer.ok ? await answer.json() : null;
      may = told?.allowed ? told : null;
    } catch { may = null; }
    put($('mode'), may ? 'You may act on the cluster' : 'Read-only');
    if (snapshot) renderNodes();
  };

  const act = (verb, node, title, text) => {
    put($('ask-title'), title);
    put($('ask-text'), text);
    $('ask').returnValue = 'no';
    $('ask').onclose = async () => {
      if ($('ask').returnValue !== 'yes') return;
      const headers = { 'content-type': 'application/json' };
      headers[may.header] = may.token;
      let said;
      try {
        const answer = await fetch(base + '/actions/' + verb, { method: 'POST', headers, credentials: 'same-origin', body: JSON.stringify(node ? { node } : {}) });
        const told = await answer.json();
        said = told.message ?? told.detail ?? told.title ?? told.status ?? answer.statusText;
      } catch (failure) { said = 'No answer: ' + failure.message; }
      put($('mode'), said);
      put($('live'), said);
    };
    $('ask').showModal();
  };
  $('do-switchover').addEventListener('click', () => act('switchover', 0, 'Hand the mastership over?', 'The master stops its work, and the vice-master becomes the master.'));
  $('do-regroup').addEventListener('click', () => act('force-regroup', 0, 'Force a regroup?', 'All members pause, look at their connectivity anew, and get a new epoch.'));
  connect();
})();
