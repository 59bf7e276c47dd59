// What a page tells a benchmark: `figures()` now, and the sound that it hears between `listen()` and `stopListening()`.
(() => {
  const live = () => (window.peers || []).filter((peer) => peer.connectionState !== "closed");
  const COUNTED = [
    "packetsReceived", "packetsLost", "bytesReceived", "framesDecoded", "freezeCount", "totalFreezesDuration",
    "jitterBufferDelay", "jitterBufferEmittedCount", "concealedSamples", "silentConcealedSamples", "totalSamplesReceived",
    "fecPacketsReceived", "nackCount", "pliCount", "keyFramesDecoded", "retransmittedPacketsReceived",
  ];
  const SENT = [
    "packetsSent", "bytesSent", "headerBytesSent", "framesEncoded", "targetBitrate", "nackCount", "pliCount",
    "retransmittedPacketsSent",
  ];
  const part = (name) => document.querySelector(`[data-testid="${name}"]`);

  function add(to, kind, from, names) {
    const sum = (to[kind] ??= {});
    for (const name of names) sum[name] = (sum[name] ?? 0) + (from[name] ?? 0);
    return sum;
  }

  window.figures = async () => {
    const now = { at: performance.now() / 1000, in: {}, out: {}, estimate: 0, roundTrip: 0, loss: 0 };
    let most = -1;
    for (const peer of live()) {
      const report = await peer.getStats();
      report.forEach((each) => {
        if (each.type === "inbound-rtp") {
          const sum = add(now.in, each.kind, each, COUNTED);
          sum.width = Math.max(sum.width ?? 0, each.frameWidth ?? 0);
        } else if (each.type === "outbound-rtp") {
          const kind = each.kind === "audio" ? "audio" : each.mid === "2" ? "low" : "video";
          const sum = add(now.out, kind, each, SENT);
          sum.width = each.frameWidth ?? 0;
          sum.limit = each.qualityLimitationReason;
          sum.active = each.active;
        } else if (each.type === "remote-inbound-rtp" && each.kind === "audio") {
          now.loss = each.fractionLost ?? 0;
        } else if (each.type === "candidate-pair" && each.nominated && each.bytesSent > most) {
          most = each.bytesSent; // of the connection that sends
          now.estimate = each.availableOutgoingBitrate ?? 0;
          now.roundTrip = each.currentRoundTripTime ?? 0;
        }
      });
    }
    now.state = part("room")?.dataset.state ?? null;
    now.line = document.querySelector("[data-line]")?.dataset.line ?? null;
    now.words = document.querySelector(".notices")?.innerText ?? "";
    now.tile = part("tile")?.innerText ?? "";
    return now;
  };

  // A track is muted until its first packet: one that has just been negotiated anew gives nothing to listen to yet.
  async function voice(milliseconds) {
    for (const begun = performance.now(); ; ) {
      const tracks = live().flatMap((peer) => peer.getReceivers().map((each) => each.track));
      const found = tracks.find((each) => each.kind === "audio" && !each.muted);
      if (found) return found;
      if (performance.now() - begun > milliseconds) {
        const peers = (window.peers || []).map((peer) => [
          peer.connectionState, peer.getReceivers().map(({ track }) => `${track.kind} ${track.muted ? "muted" : "heard"}`),
        ]);
        throw new Error(`nobody is heard: ${JSON.stringify(peers)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  window.listen = async () => {
    const track = await voice(20_000);
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 100 }).readable.getReader();
    const heard = (window.heard = { rate: 0, parts: [], on: true });
    void (async () => {
      while (heard.on) {
        const { done, value } = await reader.read();
        if (done) break;
        const samples = new Float32Array(value.numberOfFrames);
        value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
        heard.rate = value.sampleRate;
        heard.parts.push(Int16Array.from(samples, (each) => Math.max(-1, Math.min(1, each)) * 32767));
        value.close();
      }
      await reader.cancel();
    })();
  };

  window.stopListening = async () => {
    window.heard.on = false;
    const url = await new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsDataURL(new Blob(window.heard.parts));
    });
    return [window.heard.rate, url.slice(url.indexOf(",") + 1)];
  };
})();
