"""GStreamer as a device or a player: `python3 gst_client.py publish|play URL TOKEN`, by the system's Python.

Its webrtcbin, with libnice, is a WebRTC stack that nobody here wrote. Its bindings come with the distribution, so
this file imports nothing of ours. Prints one JSON object a line: `{"state": "connected"}` of the connection,
`{"decoded": {"audio": 12, "video": 6}}` twice a second, and `{"ended": 200}` when a line on standard input ended it.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import gi  # type: ignore[import-not-found, unused-ignore]

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

CAMERA = """
webrtcbin name=rtc bundle-policy=max-bundle
videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=25/1
  ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 bframes=0 bitrate=800
  ! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency
  ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! rtc.
audiotestsrc is-live=true wave=sine freq=440 ! audioconvert ! audioresample ! opusenc ! rtpopuspay
  ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! rtc.
"""
RECEIVED = (
    "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1,"
    "profile-level-id=(string)42e01f,rtcp-fb-nack=true,rtcp-fb-nack-pli=true",
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2",
)
DECODE = {"video": "rtph264depay ! h264parse ! avdec_h264", "audio": "rtpopusdepay ! opusdec"}


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


class Client:
    """One session: the offer with all candidates is posted, the answer taken, the session deleted at the end."""

    def __init__(self, direction: str, url: str, token: str) -> None:
        self.decoded = {"audio": 0, "video": 0}
        self._url, self._token, self._session = url, token, ""
        self._posted = False
        self.pipeline = Gst.parse_launch(CAMERA) if direction == "publish" else Gst.Pipeline()
        if direction == "publish":
            self._rtc = self.pipeline.get_by_name("rtc")
            self._rtc.connect("on-negotiation-needed", lambda _: self._offer())
        else:
            self._rtc = Gst.ElementFactory.make("webrtcbin", "rtc")
            self._rtc.set_property("bundle-policy", "max-bundle")
            self.pipeline.add(self._rtc)
            for caps in RECEIVED:
                direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
                self._rtc.emit("add-transceiver", direction, Gst.Caps.from_string(caps))
            self._rtc.connect("pad-added", self._received)
            GLib.idle_add(self._offer)
        self._rtc.connect("notify::ice-gathering-state", lambda *_: self._gathered())
        self._rtc.connect("notify::connection-state", lambda *_: say(state=self._nick("connection-state")))

    def _nick(self, state: str) -> str:
        return str(self._rtc.get_property(state).value_nick)

    def _offer(self) -> None:
        def created(promise: Any, *_: Any) -> None:
            reply = promise.get_reply()  # it owns the offer: without the name, the offer is gone with it
            self._rtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

        self._rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(created, None))

    def _gathered(self) -> None:
        if self._nick("ice-gathering-state") == "complete" and not self._posted:
            self._posted = True
            GLib.idle_add(self._post)

    def _post(self) -> None:
        offer = self._rtc.get_property("local-description").sdp.as_text().encode()
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {self._token}"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self._url, offer, headers)) as answer:
                self._session, text = answer.headers["Location"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return say(refused=error.code, body=error.read().decode())
        _, message = GstSdp.SDPMessage.new_from_text(text)
        described = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self._rtc.emit("set-remote-description", described, Gst.Promise.new())
        return None

    def _received(self, _: Any, pad: Any) -> None:
        if pad.direction != Gst.PadDirection.SRC:
            return
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        chain = f"queue ! {DECODE[kind]} ! fakesink name=end sync=false signal-handoffs=true"
        sink = Gst.parse_bin_from_description(chain, True)
        sink.get_by_name("end").connect("handoff", lambda *_: self._count(kind))
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def _count(self, kind: str) -> None:
        self.decoded[kind] += 1

    def end(self) -> None:
        """Delete the session, as a device does that is switched off."""
        if self._session:
            where = urllib.parse.urljoin(self._url, self._session)
            headers = {"Authorization": f"Bearer {self._token}"}
            with urllib.request.urlopen(urllib.request.Request(where, method="DELETE", headers=headers)) as answer:
                say(ended=answer.status)
        self.pipeline.set_state(Gst.State.NULL)


def main(direction: str, url: str, token: str) -> None:
    """Until somebody writes a line, or closes the pipe."""
    Gst.init(None)
    loop = GLib.MainLoop()
    client = Client(direction, url, token)
    bus = client.pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message::error", lambda _, message: say(error=str(message.parse_error())))
    GLib.timeout_add(500, lambda: say(decoded=client.decoded) or True)
    GLib.io_add_watch(
        sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, lambda *_: loop.quit()
    )
    client.pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    client.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
