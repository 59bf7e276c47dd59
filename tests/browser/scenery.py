"""What the pictures of the documentation show: drawn people before the camera, a drawn ECG, a made-up case."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageDraw

PORTRAIT = """
(([hair, coat, wall, skin]) => {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const paint = (g, w, h, t) => {
    const ellipse = (x, y, a, b, fill) => {
      g.fillStyle = fill; g.beginPath(); g.ellipse(x, y, a, b, 0, 0, 7); g.fill();
    };
    const light = g.createLinearGradient(0, 0, w, h);
    light.addColorStop(0, wall[0]); light.addColorStop(1, wall[1]);
    g.fillStyle = light; g.fillRect(0, 0, w, h);
    g.fillStyle = 'rgba(255,255,255,.16)'; g.fillRect(w * 0.07, h * 0.1, w * 0.2, h * 0.5);
    g.fillStyle = 'rgba(0,0,0,.10)'; g.fillRect(w * 0.78, h * 0.3, w * 0.16, h * 0.7);
    const x = w / 2 + Math.sin(t / 1900) * w * 0.006, u = h / 10, y = h * 0.42 + Math.sin(t / 1300) * u * 0.05;
    ellipse(x, h * 1.08, u * 4.1, u * 3.9, coat);
    ellipse(x, y - u * 0.25, u * 1.72, u * 2.05, hair);
    g.fillStyle = skin[1]; g.fillRect(x - u * 0.55, y + u, u * 1.1, u * 1.9);
    g.fillStyle = '#cfdde3'; g.beginPath();
    g.moveTo(x - u * 1.1, h * 0.70); g.lineTo(x, h * 0.92); g.lineTo(x + u * 1.1, h * 0.70); g.fill();
    ellipse(x, y + u * 0.12, u * 1.42, u * 1.8, skin[0]);
    g.fillStyle = hair; g.beginPath(); g.ellipse(x, y - u * 1.05, u * 1.5, u * 0.92, 0, Math.PI, 7); g.fill();
    for (const side of [-1, 1]) {
      ellipse(x + side * u * 0.52, y + u * 0.05, u * 0.13, t % 4100 < 140 ? u * 0.02 : u * 0.14, '#2a2320');
    }
    g.strokeStyle = '#8d4b3f'; g.lineWidth = u * 0.1; g.lineCap = 'round'; g.beginPath();
    g.arc(x, y + u * 0.72, u * 0.42, 0.35, Math.PI - 0.35); g.stroke();
  };
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await real(wanted);
    const [camera] = stream.getVideoTracks();
    if (!camera) return stream;
    const settings = camera.getSettings();
    const canvas = Object.assign(document.createElement('canvas'), { width: settings.width, height: settings.height });
    const g = canvas.getContext('2d');
    const draw = () => paint(g, canvas.width, canvas.height, performance.now());
    draw();
    setInterval(draw, 66);
    const [drawn] = canvas.captureStream(15).getVideoTracks();
    drawn.getSettings = () => settings;
    stream.removeTrack(camera);
    stream.addTrack(drawn);
    return stream;
  };
})(FACE);
"""
"""A camera that shows a drawn person; sound stays the browser's."""

GP_FACE = "['#2b211d', '#f4f7f8', ['#b9cfd2', '#8fb0b4'], ['#e9bd9d', '#d8a585']]"
SPECIALIST_FACE = "['#3d3a3a', '#dfeaf2', ['#d8cfc0', '#b3a791'], ['#e3b18f', '#cf9b79']]"

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "question": "Chest pressure since 40 minutes, radiating to the left arm. ST elevation in V2–V4? "
        "Should we give thrombolysis here or transfer?",
        "history": "Hypertension, type 2 diabetes. Metformin, amlodipine. No allergies.",
        "findings": "BP 148/92, pulse 96, SpO₂ 96 %. Troponin pending.",
        "chat-gp": "The ECG from five minutes ago is in the files.",
        "chat-specialist": "Thank you. Please show V2 to V4 a little larger.",
        "assessment": "Anterior STEMI, onset 40 minutes ago. Haemodynamically stable.",
        "advice": "Aspirin 300 mg and ticagrelor 180 mg now. Transfer for primary PCI; our team is ready.",
        "follow-up": "Should metformin be paused before the angiography?",
    },
    "zh-CN": {
        "question": "患者胸闷压榨感40分钟，放射至左臂。V2–V4导联ST段抬高？请问就地溶栓还是立即转院？",
        "history": "高血压、2型糖尿病。服用二甲双胍、氨氯地平。无过敏史。",
        "findings": "血压 148/92，脉搏 96，血氧 96%。肌钙蛋白待回报。",
        "chat-gp": "五分钟前的心电图已在文件中。",
        "chat-specialist": "谢谢。请把 V2 到 V4 放大一些。",
        "assessment": "急性前壁ST段抬高型心肌梗死，发病40分钟，血流动力学稳定。",
        "advice": "立即予阿司匹林300 mg、替格瑞洛180 mg，转我院行急诊PCI，团队已就位。",
        "follow-up": "造影前需要停用二甲双胍吗？",
    },
}


def ecg() -> bytes:
    """A drawn twelve-lead ECG on its paper, as PNG."""
    picture = Image.new("RGB", (1200, 760), "#fff7f5")
    draw = ImageDraw.Draw(picture)
    for step, colour, width in ((10, "#fbe0dc", 1), (50, "#f3b8b0", 1)):
        for x in range(0, 1200, step):
            draw.line((x, 0, x, 760), fill=colour, width=width)
        for y in range(0, 760, step):
            draw.line((0, y, 1200, y), fill=colour, width=width)
    leads = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
    for row, names in enumerate(leads):
        for column, name in enumerate(names):
            left, middle = column * 300, 150 + row * 220
            lifted = 26 if name in ("V2", "V3", "V4") else 4
            sign = -1 if name == "aVR" else 1
            points = [(left + x, middle - sign * beat((x % 96) / 96, lifted)) for x in range(296)]
            draw.line(points, fill="#1d2a33", width=2, joint="curve")
            draw.text((left + 10, middle - 110), name, fill="#1d2a33", font_size=22)
    drawn = io.BytesIO()
    picture.save(drawn, "PNG", optimize=True)
    return drawn.getvalue()


def beat(phase: float, lifted: float) -> float:
    """Height (pixels) of one heart beat at a phase of 0..1, with the ST segment lifted."""
    height = 9 * math.exp(-(((phase - 0.16) / 0.03) ** 2)) - 10 * math.exp(-(((phase - 0.27) / 0.011) ** 2))
    height += 74 * math.exp(-(((phase - 0.30) / 0.013) ** 2)) - 18 * math.exp(-(((phase - 0.335) / 0.012) ** 2))
    if 0.34 < phase < 0.62:
        height += lifted * math.sin((phase - 0.34) / 0.28 * math.pi) ** 0.5
    return height + 16 * math.exp(-(((phase - 0.56) / 0.055) ** 2))
