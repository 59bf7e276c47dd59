/** The library's search forgives what people mistype. */
import { expect, it } from "vitest";
import { close, plain, search } from "../src/pages/library/search";

const items = [{ title: "Cardiology · Chest tightness on stairs" }, { title: "皮肤科 · 前臂皮疹" }, { title: "Hématologie · Anémie" }];
const found = (words: string): string[] => search(items, words).map((each) => each.title.slice(0, 4));

it.each([
  ["", ["Card", "皮肤科 ", "Héma"]],
  ["CHEST cardio", ["Card"]],
  ["cardoilogy", ["Card"]],
  ["cardiolgy", ["Card"]],
  ["chset", ["Card"]],
  ["皮疹", ["皮肤科 "]],
  ["anemie", ["Héma"]],
  ["chest 皮疹", []],
])("finds for %j", (words, titles) => expect(found(words)).toEqual(titles));

it("counts one letter of difference and no more", () => {
  expect([close("chest", "chst"), close("chest", "cehst"), close("chest", "chast"), close("chest", "chast2"), close("a", "abc")]).toEqual([
    true, true, true, false, false,
  ]);
});

it("knows full-width letters", () => {
  expect(plain("ＥＣＧ")).toBe("ecg");
});
