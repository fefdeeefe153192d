/* Graphs over hours and days, by dygraphs. All zoom together: by dragging, by
 * the buttons, and so by the keyboard. What they show is said in a sentence,
 * too, for who does not see them. */
'use strict';
const charts = (() => {
	const SHOWN = {
		'chart-logins': [['logins', 'right'], ['failed', 'failed'], ['refused', 'refused by postern'],
			['turned_away', 'turned away']],
		'chart-bans': [['bans', 'bans'], ['tarpit', 'in the tarpit'], ['open', 'sessions']],
		'chart-mail': [['messages', 'messages'], ['sessions', 'new sessions'], ['server_errors', 'server errors'],
			['hurt', 'people hurt']],
	};
	const COLOURS = {
		light: ['#11683a', '#a61b1b', '#8a4b00', '#1c5d99'],
		dark: ['#7fd6a2', '#ff9d92', '#f0b866', '#7cb8ec'],
	};
	const graphs = new Map();
	let trend = null;
	let span = null;        /* [from, to] in ms; null: all */
	let busy = false;

	/* Its legend writes style attributes, which our policy forbids: ours is
	 * made of classes. */
	if (typeof Dygraph !== 'undefined')
		Dygraph.PLUGINS = Dygraph.PLUGINS.filter(one => one !== Dygraph.Plugins.Legend);

	function theme() {
		return document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light';
	}

	function rowsOf(id) {
		const at = SHOWN[id].map(([name]) => trend.names.indexOf(name) + 1);
		return trend.rows.map(row => [new Date(row[0] * 1000), ...at.map(i => row[i])]);
	}

	function whole() {
		const rows = trend.rows;
		const last = rows[rows.length - 1][0] * 1000;
		const least = trend.step_s * 1000 * 10;
		return [Math.min(rows[0][0] * 1000, last - least), last];
	}

	function sentence(id, when, values) {
		document.getElementById(id + '-says').textContent = when + ': ' +
			SHOWN[id].map(([, label], i) => values[i] + ' ' + label).join(', ') + '.';
	}

	function say(id) {
		const rows = rowsOf(id);
		sentence(id, 'In this ' + (trend.step_s === 60 ? 'minute' : 'hour'), rows[rows.length - 1].slice(1));
	}

	/* Under the pointer, or a finger. */
	function pointed(id, at, points) {
		const values = SHOWN[id].map(([, label]) => {
			const point = points.find(one => one.name === label);
			return point ? point.yval : 0;
		});
		sentence(id, new Date(at).toLocaleString(), values);
	}

	function legend(id) {
		const list = document.createElement('ul');
		list.className = 'legend';
		SHOWN[id].forEach(([, label], i) => {
			const item = document.createElement('li');
			item.className = 'line' + i;
			item.textContent = label;
			list.append(item);
		});
		document.getElementById(id).before(list);
	}

	/* All that is counted is whole. */
	function wholeNumber(value) {
		return Number.isInteger(value) ? value.toLocaleString('en', {notation: 'compact'}) : '';
	}

	function options(id) {
		const style = getComputedStyle(document.documentElement);
		return {
			labels: ['at', ...SHOWN[id].map(([, label]) => label)],
			colors: COLOURS[theme()].slice(0, SHOWN[id].length),
			axisLineColor: style.getPropertyValue('--line'),
			gridLineColor: style.getPropertyValue('--line'),
			strokeWidth: 1.8, includeZero: true, drawPoints: trend.rows.length < 30, pointSize: 2,
			animatedZooms: false, dateWindow: span || whole(),
			axes: {y: {axisLabelWidth: 42, axisLabelFormatter: wholeNumber}},
		};
	}

	function zoomed(from, to) {
		if (busy)
			return;
		const [first, last] = whole();
		span = from <= first && to >= last ? null : [from, to];
		busy = true;
		for (const graph of graphs.values())
			graph.updateOptions({dateWindow: span || whole()});
		busy = false;
	}

	function draw() {
		if (!trend || !trend.rows.length || typeof Dygraph === 'undefined')
			return;
		for (const id of Object.keys(SHOWN)) {
			const rows = rowsOf(id);
			if (graphs.has(id)) {
				graphs.get(id).updateOptions({file: rows, ...options(id)});
			} else {
				legend(id);
				graphs.set(id, new Dygraph(document.getElementById(id), rows, {
					...options(id),
					zoomCallback: (from, to) => zoomed(from, to),
					highlightCallback: (event, at, points) => pointed(id, at, points),
					unhighlightCallback: () => say(id),
				}));
			}
			say(id);
		}
	}

	/* factor: how much of the present span is seen; shift: in parts of it. */
	function zoom(factor, shift) {
		if (!trend || !trend.rows.length)
			return;
		const [first, last] = whole();
		const [from, to] = span || [first, last];
		const least = trend.step_s * 1000 * 5;
		const width = Math.min(Math.max((to - from) * factor, least), last - first);
		let middle = (from + to) / 2 + (to - from) * shift;
		middle = Math.min(Math.max(middle, first + width / 2), last - width / 2);
		zoomed(middle - width / 2, middle + width / 2);
	}

	return {
		show(answer, same) {
			trend = answer;
			if (!same)
				span = null;
			draw();
		},
		redraw: draw,
		zoomIn: () => zoom(0.5, 0),
		zoomOut: () => zoom(2, 0),
		earlier: () => zoom(1, -0.5),
		later: () => zoom(1, 0.5),
		all: () => trend && zoomed(...whole()),
		window: () => trend && trend.rows.length ? span || whole() : null,
	};
})();
