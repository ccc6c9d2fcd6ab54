// Traces on a canvas, panels one above another over one axis of time, which wheel, drag, fingers and keys move.

const MARGIN = { left: 62, right: 14, top: 12, bottom: 34, between: 26 };

class Plot {
  constructor(canvas, announce) {
    this.canvas = canvas;
    this.announce = announce; // (seconds under the pointer, or null)
    this.panels = [];
    this.spikes = [];
    this.duration = 1;
    this.view = [0, 1];
    this.pointer = null;
    this.touches = new Map();
    this.waiting = false;
    this.listen();
  }

  // panels: {title, unit, weight, traces: [{values, dt, scale, shift, colour, width}], spikes: bool}; duration: s
  show(panels, spikes, duration) {
    const whole = this.view[0] === 0 && this.view[1] === this.duration;
    this.panels = panels;
    this.spikes = spikes;
    if (whole || this.view[1] > duration) this.view = [0, duration];
    this.duration = duration;
    this.paint();
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    this.colour = (name) => style.getPropertyValue(`--${name}`).trim() || name;
    pen.font = `12px ${style.fontFamily}`;
    const room = height - MARGIN.top - MARGIN.bottom - MARGIN.between * (this.panels.length - 1);
    const weights = this.panels.reduce((sum, panel) => sum + panel.weight, 0);
    let top = MARGIN.top;
    for (const panel of this.panels) {
      const box = { left: MARGIN.left, right: width - MARGIN.right, top, bottom: top + (room * panel.weight) / weights };
      this.paintPanel(pen, panel, box);
      top = box.bottom + MARGIN.between;
    }
    this.paintTime(pen, MARGIN.left, width - MARGIN.right, height - MARGIN.bottom);
    if (this.pointer !== null) {
      const x = this.pixel(this.pointer, width);
      line(pen, this.colour("muted"), 1, [[x, MARGIN.top], [x, height - MARGIN.bottom]]);
    }
  }

  paintPanel(pen, panel, box) {
    const pixels = Math.max(1, Math.round(box.right - box.left));
    const drawn = panel.traces.map((trace) => ({
      ...trace,
      ...envelope(trace.values, this.view[0] / trace.dt, this.view[1] / trace.dt, pixels),
    }));
    let [low, high] = [Infinity, -Infinity];
    for (const trace of drawn) {
      const shown = (value) => trace.scale * value + (trace.shift ?? 0);
      for (let i = 0; i < pixels; i++) {
        if (shown(trace.low[i]) < low) low = shown(trace.low[i]);
        if (shown(trace.high[i]) > high) high = shown(trace.high[i]);
      }
    }
    if (!(low <= high)) [low, high] = [0, 1];
    const pad = 0.06 * (high - low) || Math.max(Math.abs(high) * 0.1, 1);
    [low, high] = [low - pad, high + pad * (panel.spikes ? 2.5 : 1)];
    const y = (value) => box.bottom - ((value - low) / (high - low)) * (box.bottom - box.top);
    this.paintGrid(pen, panel, box, low, high, y);
    pen.save();
    pen.beginPath();
    pen.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
    pen.clip();
    for (const trace of drawn) {
      const at = (value) => y(trace.scale * value + (trace.shift ?? 0));
      const points = [];
      for (let i = 0; i < pixels; i++) {
        if (trace.low[i] !== trace.low[i]) {
          if (pixels < (this.view[1] - this.view[0]) / trace.dt) points.push(null);
          continue;
        }
        const ends = [at(trace.high[i]), at(trace.low[i])];
        const last = points.at(-1)?.[1] ?? ends[0];
        if (Math.abs(last - ends[1]) < Math.abs(last - ends[0])) ends.reverse(); // the nearer end of a pixel comes first
        points.push([box.left + i + 0.5, ends[0]]);
        if (ends[1] !== ends[0]) points.push([box.left + i + 0.5, ends[1]]);
      }
      line(pen, this.colour(trace.colour), trace.width ?? 1.3, points);
    }
    if (panel.spikes) {
      for (const [times, colour, part] of this.spikes) {
        for (const time of times) {
          if (time < this.view[0] || time > this.view[1]) continue;
          const x = this.pixel(time, box.right + MARGIN.right);
          line(pen, this.colour(colour), 1.5, [[x, box.top + part * 11], [x, box.top + part * 11 + 9]]);
        }
      }
    }
    pen.restore();
  }

  paintGrid(pen, panel, box, low, high, y) {
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    const step = niceStep((high - low) / Math.max(3, (box.bottom - box.top) / 36));
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
      line(pen, this.colour("grid"), 1, [[box.left, Math.round(y(value)) + 0.5], [box.right, Math.round(y(value)) + 0.5]]);
      pen.fillStyle = this.colour("muted");
      pen.fillText(tidy(value, step), box.left - 7, y(value));
    }
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.fillStyle = this.colour("ink");
    pen.fillText(`${panel.title}, ${panel.unit}`, box.left, box.top - 3);
  }

  paintTime(pen, left, right, y) {
    const [from, to] = this.view.map((seconds) => 1e3 * seconds);
    const step = niceStep((to - from) / Math.max(2, (right - left) / 90));
    pen.textBaseline = "top";
    pen.textAlign = "center";
    pen.fillStyle = this.colour("muted");
    for (let value = Math.ceil(from / step) * step; value <= to; value += step) {
      const x = left + ((value - from) / (to - from)) * (right - left);
      line(pen, this.colour("muted"), 1, [[x, y], [x, y + 4]]);
      pen.fillText(tidy(value, step), Math.min(x, right - 12), y + 6);
    }
    pen.textAlign = "right";
    pen.fillText("ms", right, y + 20);
  }

  pixel(time, width) {
    const [from, to] = this.view;
    return MARGIN.left + ((time - from) / (to - from)) * (width - MARGIN.left - MARGIN.right);
  }

  time(x) {
    const inside = (x - MARGIN.left) / (this.canvas.clientWidth - MARGIN.left - MARGIN.right);
    return this.view[0] + Math.min(Math.max(inside, 0), 1) * (this.view[1] - this.view[0]);
  }

  // The time at `about` stays where it is; at least ten samples, at most all there is.
  zoom(factor, about = (this.view[0] + this.view[1]) / 2) {
    const span = Math.min(Math.max((this.view[1] - this.view[0]) * factor, 1e-3), this.duration);
    const part = (about - this.view[0]) / (this.view[1] - this.view[0]);
    this.place(about - part * span, span);
  }

  pan(seconds) {
    this.place(this.view[0] + seconds, this.view[1] - this.view[0]);
  }

  place(from, span) {
    const start = Math.min(Math.max(from, 0), this.duration - span);
    this.view = [start, start + span];
    this.draw();
  }

  listen() {
    const { canvas, touches } = this;
    const x = (event) => event.clientX - canvas.getBoundingClientRect().left;
    canvas.addEventListener("wheel", (event) => {
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        this.pan(((event.deltaX || event.deltaY) / canvas.clientWidth) * (this.view[1] - this.view[0]));
      } else if (event.ctrlKey || document.activeElement === canvas) {
        this.zoom(Math.exp(event.deltaY / 300), this.time(x(event)));
      } else return; // the page scrolls until the figure is clicked
      event.preventDefault();
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      touches.set(event.pointerId, x(event));
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
    });
    canvas.addEventListener("pointermove", (event) => {
      this.pointer = this.time(x(event));
      if (touches.has(event.pointerId)) this.drag(event.pointerId, x(event));
      this.announce(this.pointer);
      this.draw();
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => touches.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.announce(null);
      this.draw();
    });
    canvas.addEventListener("dblclick", () => this.place(0, this.duration));
    canvas.addEventListener("keydown", (event) => {
      const span = this.view[1] - this.view[0];
      const act = {
        ArrowLeft: () => this.pan(-span / 8), ArrowRight: () => this.pan(span / 8), "+": () => this.zoom(0.7),
        "=": () => this.zoom(0.7), "-": () => this.zoom(1 / 0.7), 0: () => this.place(0, this.duration),
        Home: () => this.place(0, span), End: () => this.place(this.duration, span),
      }[event.key];
      if (!act || event.ctrlKey || event.metaKey) return;
      act();
      event.preventDefault();
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
    for (const media of ["(prefers-color-scheme: dark)", "print"]) {
      window.matchMedia(media).addEventListener("change", () => this.paint()); // at once: paper waits for no frame
    }
  }

  // One finger or the mouse moves what is seen, two fingers stretch it.
  drag(id, x) {
    const before = this.touches.get(id);
    const other = [...this.touches.entries()].find(([key]) => key !== id)?.[1];
    this.touches.set(id, x);
    if (other === undefined) {
      const width = this.canvas.clientWidth - MARGIN.left - MARGIN.right;
      this.pan(((before - x) / width) * (this.view[1] - this.view[0]));
    } else if (Math.abs(x - other) > 10) {
      this.zoom(Math.abs(before - other) / Math.abs(x - other), this.time((x + other) / 2));
    }
  }
}

// A line through points; null ends it, and what follows begins anew.
function line(pen, colour, width, points) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.beginPath();
  let down = false;
  for (const point of points) {
    if (point === null) down = false;
    else {
      if (down) pen.lineTo(...point);
      else pen.moveTo(...point);
      down = true;
    }
  }
  pen.stroke();
}

// 1, 2 or 5 times a power of ten, from a number up.
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= least * 0.999);
}

function tidy(value, step) {
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return (Math.abs(value) < step / 1e6 ? 0 : value).toFixed(Math.min(digits, 12)).replace("-", "−");
}
