/** Where a picture really is inside its frame, and how a point on it travels between screens of different shapes. */

export interface Size {
  width: number;
  height: number;
}
export interface Box extends Size {
  left: number;
  top: number;
}
/** Fractions of the picture's width and height, 0 to 1. */
export interface Point {
  x: number;
  y: number;
}

/** The picture's box within its frame: `contain` leaves bars, `cover` cuts edges off (then the box exceeds the frame). */
export function pictureBox(frame: Size, picture: Size, fit: "contain" | "cover" = "contain"): Box {
  if (picture.width <= 0 || picture.height <= 0 || frame.width <= 0 || frame.height <= 0) {
    return { left: 0, top: 0, width: frame.width, height: frame.height };
  }
  const across = frame.width / picture.width;
  const down = frame.height / picture.height;
  const scale = fit === "contain" ? Math.min(across, down) : Math.max(across, down);
  const width = picture.width * scale;
  const height = picture.height * scale;
  return { left: (frame.width - width) / 2, top: (frame.height - height) / 2, width, height };
}

/** A position in the frame as fractions of the picture, or null outside of it. */
export function pointOn(box: Box, left: number, top: number): Point | null {
  const x = (left - box.left) / box.width;
  const y = (top - box.top) / box.height;
  return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? { x, y } : null;
}

/** Where a point of the picture is in the frame. */
export function placeOf(box: Box, point: Point, mirrored = false): { left: number; top: number } {
  return { left: box.left + (mirrored ? 1 - point.x : point.x) * box.width, top: box.top + point.y * box.height };
}

/** The corner of the frame that a dragged box is nearest to, with its margin kept. */
export function nearestCorner(frame: Size, box: Box): { right: boolean; bottom: boolean } {
  return { right: box.left + box.width / 2 > frame.width / 2, bottom: box.top + box.height / 2 > frame.height / 2 };
}
