/* The page of postern: shows what the keeper tells once a second, and sends
 * orders with the token. What strangers choose (addresses, users) becomes text
 * only, never markup. */
'use strict';
(() => {
	const $ = id => document.getElementById(id);
	const KEEP_S = 60;              /* of numbers that become a rate */
	let token = sessionStorage.getItem('postern-token') || '';
	let serial = null;
	let counted = [];               /* [at, failed, turned away] */
	let span = 'minutes';
	let order = null;               /* what the dialog will send */

	/* ---- asking ---- */

	function headers(more) {
		return token ? {...more, Authorization: 'Bearer ' + token} : {...more};
	}

	async function get(path) {
		const answer = await fetch(path, {headers: headers(), cache: 'no-store'});
		if (answer.status === 401)
			needToken();
		if (!answer.ok)
			throw new Error(path + ': ' + answer.status);
		return answer.json();
	}

	async function post(path, body) {
		const answer = await fetch(path, {method: 'POST', cache: 'no-store',
			headers: headers({'Content-Type': 'application/json'}), body: JSON.stringify(body)});
		const said = await answer.json();
		return {...said, ok: answer.ok && said.ok, status: answer.status};
	}

	/* ---- showing ---- */

	function text(id, value) {
		const element = $(id);
		if (element.textContent !== String(value))
			element.textContent = value;
	}

	function number(value) {
		return Number(value).toLocaleString('en');
	}

	function spanOf(seconds) {
		const s = Math.max(0, Math.round(seconds));
		if (s < 60)
			return s + ' s';
		if (s < 3600)
			return Math.floor(s / 60) + ' min';
		if (s < 86400)
			return Math.floor(s / 3600) + ' h ' + Math.floor(s % 3600 / 60) + ' min';
		return Math.floor(s / 86400) + ' d ' + Math.floor(s % 86400 / 3600) + ' h';
	}

	function time(at, now) {
		const element = document.createElement('time');
		const date = new Date(at * 1000);
		element.dateTime = date.toISOString();
		element.title = date.toLocaleString();
		element.textContent = spanOf(now - at) + ' ago';
		return element;
	}

	function state(word, kind) {
		const element = document.createElement('span');
		element.className = 'state ' + kind;
		element.textContent = word;
		return element;
	}

	function button(word, label, action) {
		const element = document.createElement('button');
		element.type = 'button';
		element.textContent = word;
		element.setAttribute('aria-label', label);
		element.addEventListener('click', action);
		return element;
	}

	/* A row keeps its element by its key, so that the focus stays where it is
	 * and a reader is not told the same again. */
	function rows(id, list, keyOf, cellsOf) {
		const body = $(id);
		const labels = [...body.parentNode.querySelectorAll('thead th')].map(th => th.textContent);
		const old = new Map([...body.children].map(row => [row.dataset.key, row]));
		const first = body.dataset.shown === undefined;
		let before = null;
		for (const item of list) {
			const key = keyOf(item);
			const cells = cellsOf(item);
			let row = old.get(key);
			old.delete(key);
			if (!row) {
				row = document.createElement('tr');
				row.dataset.key = key;
				if (!first)
					row.className = 'fresh';
				cells.forEach((cell, i) => {
					const td = document.createElement(i === 0 ? 'th' : 'td');
					if (i === 0)
						td.scope = 'row';
					else
						td.dataset.label = labels[i];
					if (labels[i] === 'Do')
						td.className = 'do';
					row.append(td);
				});
			}
			cells.forEach((cell, i) => fill(row.children[i], cell));
			const next = before ? before.nextSibling : body.firstChild;
			if (row !== next)
				body.insertBefore(row, next);
			before = row;
		}
		for (const row of old.values())
			row.remove();
		body.dataset.shown = '';
		body.parentNode.hidden = list.length === 0;
		$(id + '-none').hidden = list.length > 0;
	}

	function fill(cell, content) {
		if (Array.isArray(content)) {   /* buttons: the same for the same row */
			const mark = content.map(b => b.getAttribute('aria-label')).join();
			if (cell.dataset.mark !== mark)
				cell.replaceChildren(...content);
			cell.dataset.mark = mark;
		} else if (content instanceof Node) {
			if (cell.textContent !== content.textContent)
				cell.replaceChildren(content);
		} else if (cell.textContent !== String(content)) {
			cell.textContent = content;
		}
	}

	/* ---- what comes each second ---- */

	function rate(status) {
		const now = Date.now() / 1000;
		const failed = status.logins.failed + status.logins.abandoned + status.verdicts.answer +
			status.verdicts.refuse;
		counted.push([now, failed, status.sessions.turned_away + status.verdicts.turn_away]);
		while (counted.length > 2 && now - counted[0][0] > KEEP_S)
			counted.shift();
		const from = counted[0];
		const to = counted[counted.length - 1];
		if (to[1] < from[1] || to[2] < from[2]) {       /* a new keeper */
			counted = [to];
			return [0, 0];
		}
		return [to[1] - from[1], to[2] - from[2]];
	}

	function showStatus(status) {
		const [failed, turned] = rate(status);
		text('tile-failed', number(failed));
		text('tile-turned', number(turned));
		text('tile-tarpit', number(status.sessions.tarpit));
		text('tile-bans', number(status.bans));
		text('tile-sessions', number(status.sessions.open));
		text('tile-messages', number(status.sessions.messages));
		text('mode', status.mode);
		$('mode').hidden = false;
		text('version', 'postern ' + status.version);
		const spoken = Object.entries(status.rules).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
		rows('rules', spoken, ([name]) => name, ([name, n]) => [name, number(n)]);
		facts(status);
	}

	function facts(status) {
		const list = [
			['firewall', status.firewall.backend + (status.firewall.backend === 'null' ? ' (drops nobody)' :
				', ' + number(status.firewall.entries) + ' entries') +
				(status.firewall.failure ? ', ' + status.firewall.failure : '')],
			['store', status.store.failing ? 'failing: ' + status.store.error : 'fine'],
			['would have banned', number(status.would_bans)],
			['spared by the allow list', number(status.spared)],
			['alarms', number(status.alarms)],
			['up for', spanOf(status.uptime_s)],
		];
		const dl = $('facts');
		if (dl.children.length !== list.length * 2)
			dl.replaceChildren(...list.flatMap(([name]) => {
				const dt = document.createElement('dt');
				dt.textContent = name;
				return [dt, document.createElement('dd')];
			}));
		list.forEach(([, value], i) => fill(dl.children[2 * i + 1], value));
	}

	function verdict(watch) {
		const active = watch.guessers.filter(g => watch.now - g.last < 120);
		const guessing = active.filter(g => !g.banned).length;
		let word = 'Quiet: nobody guesses.';
		let kind = 'quiet';
		if (active.length > 0) {
			kind = watch.guessing >= 10 ? 'attack' : 'some';
			word = (kind === 'attack' ? 'Under attack: ' : 'Guesses: ') + number(watch.guessing) +
				(watch.guessing === 1 ? ' source' : ' sources') + ' in ten minutes, ' +
				(watch.guessing === 1 ? (guessing === 0 ? 'and it is banned.' : 'and it is not banned yet.') :
					guessing === 0 ? 'those with most are banned.' : guessing + ' of the worst not banned.');
		}
		text('verdict', word);
		$('verdict').dataset.state = kind;
	}

	function showWatch(watch) {
		verdict(watch);
		text('tile-guessing', number(watch.guessing));
		text('tile-hurt', number(watch.hurt));
		rows('guessers', watch.guessers, g => g.source, g => [
			g.source, number(g.guesses), g.user, time(g.last, watch.now),
			g.banned ? state('banned', 'banned') : state('guesses', 'guesses'),
			g.banned ? doBanned(g.source) : [orderButton('Ban', 'ban', g.source), whyButton(g.source)]]);
		rows('people', watch.people, n => String(n.id), n => [
			time(n.at, watch.now), n.user, n.prefix, n.text,
			n.prefix ? [orderButton('Allow', 'allow', n.prefix), whyButton(n.user || n.prefix)] : []]);
		rows('decisions', watch.decisions.slice(0, 20), n => String(n.id), n => [
			time(n.at, watch.now), n.kind, n.prefix || n.user, n.text]);
		const now = watch.started + '/' + watch.pid + '/' + watch.serial;
		if (now !== serial) {
			serial = now;
			showBans();
		}
	}

	async function showBans() {
		const wanted = serial;
		let answer;
		try {
			answer = await get('api/recent');
		} catch (error) {
			serial = null;          /* the next second tries again */
			return;
		}
		if (serial !== wanted)
			return;
		rows('bans', answer.bans, b => b.prefix, b => [
			b.prefix, b.text + (b.note ? ' (“' + b.note + '”)' : '') + (b.repeat ? ', again' : ''),
			time(b.since, Date.now() / 1000), b.left_s === null ? 'for ever' : spanOf(b.left_s),
			number(b.failures), doBanned(b.prefix)]);
		$('bans-more').hidden = answer.total <= answer.bans.length;
		text('bans-more', 'The newest ' + answer.bans.length + ' of ' + number(answer.total) +
			': posternctl bans list has all.');
	}

	function showBackends(answer) {
		const now = Date.now() / 1000;
		rows('servers', answer.backends, b => b.backend + ' ' + b.address, b => [
			b.server, b.backend,
			b.drained ? state('drained', 'drained') : state(b.state, b.state === 'up' ? 'up' : 'down'),
			number(b.sessions), b.why ? b.why : time(b.since, now)]);
	}

	/* ---- the stream: by fetch, since EventSource takes no header ---- */

	const topics = {status: showStatus, watch: showWatch, backends: showBackends};

	function live(kind, word) {
		$('live').dataset.state = kind;
		text('live', word);
	}

	function event(block) {
		const name = /^event: (.*)$/m.exec(block);
		const data = /^data: (.*)$/m.exec(block);
		if (!name || !data)
			return;
		if (name[1] === 'away') {
			live('away', 'the keeper is away');
			return;
		}
		const answer = JSON.parse(data[1]);
		if (!answer.ok || !topics[name[1]])
			return;
		live('live', 'live');
		topics[name[1]](answer);
	}

	async function read(stream) {
		const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
		let rest = '';
		for (;;) {
			const {value, done} = await reader.read();
			if (done)
				return;
			const blocks = (rest + value).split('\n\n');
			rest = blocks.pop();
			blocks.forEach(event);
		}
	}

	async function follow() {
		for (;;) {
			try {
				const answer = await fetch('events', {headers: headers(), cache: 'no-store'});
				if (answer.status === 401)
					needToken();
				else if (answer.ok)
					await read(answer.body);
			} catch (error) {
				/* It is tried again below, whatever it was. */
			}
			live('away', 'no connection, trying again');
			await new Promise(resolve => setTimeout(resolve, 1000));
		}
	}

	/* ---- the token ---- */

	let asked = false;

	function needToken() {
		live('away', 'the token is needed');
		if (!asked && !$('token-dialog').open) {
			asked = true;           /* once; then it is for the button */
			openToken();
		}
	}

	function openToken() {
		$('token-text').value = '';
		text('token-wrong', '');
		$('token-dialog').showModal();
	}

	function showToken() {
		text('token', token ? 'Forget token' : 'Enter token');
	}

	async function useToken() {
		const before = token;
		token = $('token-text').value.trim();
		const answer = await post('api/token', {}).catch(() => ({ok: false}));
		if (!answer.ok) {
			token = before;
			text('token-wrong', answer.status === 401 ? 'That is not the token.' : 'No answer.');
			$('token-text').select();
			return;
		}
		sessionStorage.setItem('postern-token', token);
		$('token-dialog').close();
		showToken();
		showTrend(false);
		if (order)
			openOrder(order);
	}

	/* ---- orders ---- */

	const orders = {
		ban: {title: 'Ban', path: 'api/ban', says: 'Its sessions end, and it is turned away.', span: true,
			reason: true},
		unban: {title: 'Lift the ban', path: 'api/unban', says: 'Its failures are forgotten.'},
		allow: {title: 'Allow', path: 'api/allow/add',
			says: 'It is never slowed, refused or banned again. Its ban is lifted.', reason: true},
	};

	function orderButton(word, kind, prefix) {
		return button(word, orders[kind].title + ' ' + prefix, () => openOrder({kind, prefix}));
	}

	function whyButton(subject) {
		return button('Why?', 'What became of ' + subject, () => explain(subject));
	}

	function doBanned(prefix) {
		return [orderButton('Unban', 'unban', prefix), orderButton('Allow', 'allow', prefix), whyButton(prefix)];
	}

	function openOrder(wanted) {
		order = wanted;
		if (!token) {
			openToken();
			return;
		}
		const kind = orders[wanted.kind];
		text('order-title', kind.title + (wanted.prefix ? ' ' + wanted.prefix : ''));
		text('order-text', kind.says);
		text('order-wrong', '');
		$('order-prefix').value = wanted.prefix;
		$('order-prefix-part').hidden = wanted.prefix !== '';
		$('order-for-part').hidden = !kind.span;
		$('order-reason-part').hidden = !kind.reason;
		$('order-reason').value = '';
		$('order-dialog').showModal();
		if (wanted.prefix)
			$('order-ok').focus();
	}

	async function sendOrder() {
		const kind = orders[order.kind];
		const body = {prefix: $('order-prefix').value.trim()};
		if (kind.span)
			body.for = $('order-for').value.trim();
		if (kind.reason && $('order-reason').value.trim())
			body.reason = $('order-reason').value.trim();
		const answer = await post(kind.path, body).catch(() => ({ok: false, error: 'no answer'}));
		if (answer.status === 401) {
			$('order-dialog').close();
			token = '';
			sessionStorage.removeItem('postern-token');
			showToken();
			openToken();
			return;
		}
		if (!answer.ok) {
			text('order-wrong', answer.error + (answer.hint ? ' – ' + answer.hint : ''));
			return;
		}
		order = null;
		$('order-dialog').close();
		showBans();
	}

	async function explain(subject) {
		text('explain-title', 'What became of ' + subject);
		text('explain-summary', 'Looking …');
		$('explain-events').replaceChildren();
		$('explain-do').replaceChildren();
		if (!$('explain-dialog').open)
			$('explain-dialog').showModal();
		const answer = await post('api/explain', {subject}).catch(() => ({ok: false, error: 'no answer'}));
		text('explain-summary', answer.ok ? answer.summary : answer.error + (answer.hint ? ' – ' + answer.hint : ''));
		if (!answer.ok)
			return;
		$('explain-events').replaceChildren(...answer.events.map(one => {
			const item = document.createElement('li');
			item.textContent = [new Date(one.at * 1000).toLocaleString(), one.event, one.user, one.rule]
				.filter(Boolean).join(' · ');
			return item;
		}));
		if (answer.ban)
			$('explain-do').replaceChildren(...doBanned(answer.ban.prefix).slice(0, 2));
	}

	/* ---- graphs, colours, keys ---- */

	async function showTrend(same) {
		try {
			charts.show(await get('api/trend/' + span), same);
		} catch (error) {
			/* The next minute tries again. */
		}
	}

	function choose(word) {
		span = word;
		for (const one of ['minutes', 'hours'])
			$('span-' + one).setAttribute('aria-pressed', String(one === word));
		showTrend(false);
	}

	const dark = matchMedia('(prefers-color-scheme: dark)');

	function showTheme() {
		const chosen = localStorage.getItem('postern-theme') || 'system';
		const real = chosen === 'system' ? (dark.matches ? 'dark' : 'light') : chosen;
		document.documentElement.dataset.theme = real;
		$('theme').setAttribute('aria-label', 'Colours: ' + (chosen === 'system' ? 'as the system' : chosen));
		text('theme', chosen === 'system' ? 'Colours' : chosen === 'dark' ? 'Dark' : 'Light');
		charts.redraw();
	}

	function nextTheme() {
		const words = ['system', 'light', 'dark'];
		const chosen = localStorage.getItem('postern-theme') || 'system';
		localStorage.setItem('postern-theme', words[(words.indexOf(chosen) + 1) % words.length]);
		showTheme();
	}

	function submits(id, action) {
		$(id).addEventListener('submit', submitted => {
			submitted.preventDefault();
			action();
		});
	}

	function start() {
		showTheme();
		showToken();
		dark.addEventListener('change', showTheme);
		$('theme').addEventListener('click', nextTheme);
		$('token').addEventListener('click', () => {
			if (!token) {
				openToken();
				return;
			}
			token = '';
			sessionStorage.removeItem('postern-token');
			showToken();
		});
		submits('find', () => $('find-text').value.trim() && explain($('find-text').value.trim()));
		submits('token-dialog', useToken);
		submits('order-dialog', sendOrder);
		$('ban-add').addEventListener('click', () => openOrder({kind: 'ban', prefix: ''}));
		for (const close of document.querySelectorAll('dialog .close'))
			close.addEventListener('click', () => {
				order = null;
				close.closest('dialog').close();
			});
		$('span-minutes').addEventListener('click', () => choose('minutes'));
		$('span-hours').addEventListener('click', () => choose('hours'));
		$('zoom-in').addEventListener('click', charts.zoomIn);
		$('zoom-out').addEventListener('click', charts.zoomOut);
		$('zoom-left').addEventListener('click', charts.earlier);
		$('zoom-right').addEventListener('click', charts.later);
		$('zoom-all').addEventListener('click', charts.all);
		showTrend(false);
		setInterval(() => showTrend(true), 60000);
		follow();
	}

	start();
})();
