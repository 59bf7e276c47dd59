/** A point on a picture is the same place on every screen, whatever its shape. */
import { describe, expect, it } from "vitest";
import { nearestCorner, pictureBox, placeOf, pointOn } from "../../src/room/geometry";

const picture = { width: 1600, height: 900 };

describe("pictureBox", () => {
  it("leaves bars when the picture is shown whole", () => {
    expect(pictureBox({ width: 800, height: 600 }, picture)).toEqual({ left: 0, top: 75, width: 800, height: 450 });
  });
  it("exceeds the frame when the picture fills it", () => {
    const box = pictureBox({ width: 400, height: 400 }, picture, "cover");
    expect(box.height).toBe(400);
    expect(box.left).toBeCloseTo(-155.56, 1);
  });
  it("is the frame while the picture's size is unknown", () => {
    expect(pictureBox({ width: 10, height: 20 }, { width: 0, height: 0 })).toEqual({ left: 0, top: 0, width: 10, height: 20 });
  });
});

describe("pointing", () => {
  it("travels between two screens of different shape", () => {
    const wide = pictureBox({ width: 1600, height: 700 }, picture);
    const tall = pictureBox({ width: 390, height: 700 }, picture);
    const point = pointOn(wide, wide.left + wide.width * 0.25, wide.height * 0.75);
    expect(point).toEqual({ x: 0.25, y: 0.75 });
    expect(point && placeOf(tall, point)).toEqual({ left: 97.5, top: tall.top + tall.height * 0.75 });
  });
  it("is nothing on the bars", () => {
    expect(pointOn(pictureBox({ width: 800, height: 600 }, picture), 400, 20)).toBeNull();
  });
  it("is turned round on a mirrored picture", () => {
    expect(placeOf({ left: 0, top: 0, width: 100, height: 100 }, { x: 0.2, y: 0.5 }, true)).toEqual({ left: 80, top: 50 });
  });
});

describe("nearestCorner", () => {
  it("is where the middle of the box is", () => {
    expect(nearestCorner({ width: 800, height: 600 }, { left: 500, top: 20, width: 200, height: 120 })).toEqual({ right: true, bottom: false });
  });
});
