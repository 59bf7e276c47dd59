// A clock that a camera sees and a page reads: 24 squares, black or white, of a Gray-coded count of milliseconds.
(() => {
  const COLUMNS = 8;
  const ROWS = 3;
  const TURN = 2 ** (COLUMNS * ROWS);
  /** A square is read in its middle, from a copy of so many pixels a square. */
  const PIXELS = 6;
  /** Squares between these are neither: the picture is not a clock, or not yet sharp. */
  const DARK = 80;
  const LIGHT = 175;

  function draw(canvas, now) {
    const g = canvas.getContext("2d");
    const count = now % TURN;
    const code = count ^ (count >>> 1);
    const [wide, high] = [canvas.width / COLUMNS, canvas.height / ROWS];
    for (let bit = 0; bit < COLUMNS * ROWS; bit += 1) {
      g.fillStyle = (code >>> bit) & 1 ? "#fff" : "#000";
      g.fillRect((bit % COLUMNS) * wide, Math.floor(bit / COLUMNS) * high, Math.ceil(wide), Math.ceil(high));
    }
  }

  const copy = Object.assign(document.createElement("canvas"), { width: COLUMNS * PIXELS, height: ROWS * PIXELS });
  const reader = copy.getContext("2d", { willReadFrequently: true });

  /** Milliseconds since the clock in the picture was drawn, or null where there is no clock. */
  function age(video) {
    reader.drawImage(video, 0, 0, copy.width, copy.height);
    const now = Date.now();
    const { data } = reader.getImageData(0, 0, copy.width, copy.height);
    let code = 0;
    for (let bit = 0; bit < COLUMNS * ROWS; bit += 1) {
      const x = (bit % COLUMNS) * PIXELS + PIXELS / 2;
      const y = Math.floor(bit / COLUMNS) * PIXELS + PIXELS / 2;
      const light = data[(y * copy.width + x) * 4 + 1];
      if (light > DARK && light < LIGHT) return null;
      if (light >= LIGHT) code |= 1 << bit;
    }
    if (code === 0) return null; // black stands for a picture that did not come
    for (let shift = 1; shift < COLUMNS * ROWS; shift *= 2) code ^= code >>> shift;
    return (((now - code) % TURN) + TURN) % TURN;
  }

  /** A track that shows the clock, drawn `rate` times a second. */
  function clock(width, height, rate) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const paint = () => draw(canvas, Date.now());
    paint();
    setInterval(paint, 1000 / rate);
    return canvas.captureStream(Math.max(rate, 1)).getVideoTracks()[0];
  }

  // The presenter's page: a camera of 20 pictures a second, and a screen that stands still for 2 s at a time, as slides do.
  const devices = navigator.mediaDevices;
  if (devices) {
    const real = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async ({ audio, video }) => {
      const tracks = audio ? (await real({ audio })).getTracks() : [];
      return new MediaStream(video ? [...tracks, clock(640, 360, 20)] : tracks);
    };
    devices.getDisplayMedia = async () => new MediaStream([clock(1280, 720, 0.5)]);
  }

  // A viewer's page: each picture as it is shown, [when in ms since 1970, its age in ms or null, second of the media].
  const seen = (window.seen = { camera: [], screen: [] });
  const watched = new WeakSet();
  function watch(video) {
    watched.add(video);
    const note = (_, { mediaTime }) => {
      const box = video.closest(".speaker, .big");
      if (box) seen[box.matches(".speaker") ? "camera" : "screen"].push([Date.now(), age(video), mediaTime]);
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
  }
  setInterval(() => {
    for (const video of document.querySelectorAll("[data-testid=player] video")) if (!watched.has(video)) watch(video);
  }, 50);
  // When the host confirmed the end.
  addEventListener("click", ({ target }) => target.closest?.("[data-testid=end-now]") && (window.endedAt = Date.now()), true);
})();
