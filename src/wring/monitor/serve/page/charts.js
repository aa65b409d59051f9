// History plots on a canvas: lines over time with gaps where there was no reading.

const margin = { left: 34, right: 10, top: 8, bottom: 18 };

export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// The mean of the readings that fall on each pixel column, null where there are none: a plot never has more points than
// the screen can show. Points further apart than `gap` are not joined.
function columns(times, values, from, to, width, gap) {
  const points = [];
  let column = -1, sum = 0, count = 0, last = -Infinity;
  const flush = () => { if (count) points.push([column, sum / count]); sum = count = 0; };
  for (let i = 0; i < times.length; i++) {
    if (times[i] < from) continue;
    const value = values[i];
    if (value === null || value === undefined) continue;
    const at = Math.round((times[i] - from) / (to - from) * width);
    if (times[i] - last > gap && last > -Infinity) { flush(); points.push(null); }
    if (at !== column) { flush(); column = at; }
    sum += value;
    count += 1;
    last = times[i];
  }
  flush();
  return points;
}

function trace(context, points, x, y) {
  let pen = false;
  context.beginPath();
  for (const point of points) {
    if (!point) { pen = false; continue; }
    pen ? context.lineTo(x(point[0]), y(point[1])) : context.moveTo(x(point[0]), y(point[1]));
    pen = true;
  }
}

// Under each stretch of the line down to the axis.
function fill(context, points, x, y, style, strength) {
  context.fillStyle = style;
  context.globalAlpha = strength;
  let stretch = [];
  const close = () => {
    if (stretch.length > 1) {
      context.beginPath();
      context.moveTo(x(stretch[0][0]), y(0));
      for (const [at, value] of stretch) context.lineTo(x(at), y(value));
      context.lineTo(x(stretch[stretch.length - 1][0]), y(0));
      context.fill();
    }
    stretch = [];
  };
  for (const point of points) point ? stretch.push(point) : close();
  close();
  context.globalAlpha = 1;
}

// "-5 min" under the grid; the right edge is the newest reading.
function timeMarks(seconds, width) {
  const most = Math.min(5, width / 62);  // a label is about that wide
  const step = [10, 15, 30, 60, 120, 300, 600, 900, 1200].find((s) => seconds / s <= most) || 1800;
  const marks = [];
  for (let back = step; back < seconds * 0.95; back += step) {
    marks.push([back, back < 60 ? `−${back} s` : `−${back / 60} min`]);
  }
  return marks;
}

// series: [{values, color, max, area, line}]; values against their own max, so that watts and degrees share a plot.
// marks: what stands beside the grid lines, as [share of the height, text]. from, to: ms.
export function draw(canvas, { times, series, marks, from, to, gap, hover, nowText }) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width || !height) return;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const [inner, tall] = [width - margin.left - margin.right, height - margin.top - margin.bottom];
  const x = (column) => margin.left + column;
  context.font = `10px ${getComputedStyle(document.body).fontFamily}`;
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const [share, text] of marks) {
    const at = Math.round(margin.top + tall * (1 - share)) + 0.5;
    context.strokeStyle = color(share === 0 ? "axis" : "grid");
    context.beginPath();
    context.moveTo(margin.left, at);
    context.lineTo(width - margin.right, at);
    context.stroke();
    context.fillStyle = color("faint");
    context.fillText(text, margin.left - 6, at);
  }
  context.textAlign = "center";
  for (const [back, text] of timeMarks((to - from) / 1000, inner)) {
    context.fillText(text, x(inner * (1 - back * 1000 / (to - from))), height - 7);
  }
  context.textAlign = "right";
  context.fillText(nowText, width - margin.right, height - 7);
  for (const { values, color: name, max, area, line = 1.5 } of series) {
    const y = (value) => margin.top + tall * (1 - Math.min(Math.max(value / max, 0), 1));
    const points = columns(times, values, from, to, inner, gap);
    if (area) fill(context, points, x, y, color(name), area);
    context.strokeStyle = color(name);
    context.lineWidth = line;
    context.lineJoin = "round";
    trace(context, points, x, y);
    context.stroke();
  }
  if (hover !== null && hover >= from && hover <= to) {
    const at = Math.round(x((hover - from) / (to - from) * inner)) + 0.5;
    context.strokeStyle = color("faint");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(at, margin.top);
    context.lineTo(at, margin.top + tall);
    context.stroke();
  }
}

// The moment under the pointer, or null beside the plot.
export function timeAt(canvas, event, from, to) {
  const box = canvas.getBoundingClientRect();
  const share = (event.clientX - box.left - margin.left) / (box.width - margin.left - margin.right);
  return share < 0 || share > 1 ? null : from + share * (to - from);
}
