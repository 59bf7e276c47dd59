/** How the client is built, and how it is served while it is being developed. */
import { copyFileSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { svelte, vitePreprocess } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Static Chinese fonts that the server embeds in the PDFs it prints; browsers never download them. */
function pdfFonts(): Plugin {
  const fonts = { "400Regular": "NotoSansSC_400Regular.ttf", "700Bold": "NotoSansSC_700Bold.ttf" };
  let out = "";
  return {
    name: "pdf-fonts",
    apply: "build",
    configResolved(config) {
      out = resolve(config.root, config.build.outDir, "fonts");
    },
    closeBundle() {
      const from = resolve(import.meta.dirname, "node_modules/@expo-google-fonts/noto-sans-sc");
      mkdirSync(out, { recursive: true });
      for (const [folder, name] of Object.entries(fonts)) copyFileSync(resolve(from, folder, name), resolve(out, name));
      copyFileSync(resolve(from, "LICENSE_FONT"), resolve(out, "LICENSE"));
    },
  };
}

/**
 * What is fetched together. A far-off health centre pays a third of a second for each request: so the frame of every page is
 * one file, the words of a language are one, and only pages, the room and the player come on their own.
 */
const chunks = [
  { name: "socket", test: /node_modules\/(socket\.io|engine\.io|@socket\.io)/ },
  { name: "frame", test: /node_modules\/(svelte|i18next|clsx|esm-env)|src\/components\/[^/]+\.svelte|src\/components\/shell|src\/lib\/[^/]+\.ts/, minShareCount: 2 },
];

/** `TELE_SERVER=http://127.0.0.1:8080 npm run dev` talks to a real server; without it a mock in memory answers. */
const server = process.env.TELE_SERVER;

export default defineConfig(async ({ command, mode }) => {
  const mock = command === "serve" && mode !== "test" && !server ? [(await import("./dev/mock.ts")).mock()] : [];
  const proxy = server
    ? Object.fromEntries(
        ["/api", "/media", "/socket.io"].map((path) => [path, { target: server, ws: true, headers: { origin: server } }]),
      )
    : undefined;
  return {
    plugins: [svelte({ configFile: false, preprocess: vitePreprocess() }), pdfFonts(), ...mock],
    build: {
      sourcemap: false,
      chunkSizeWarningLimit: 700,
      assetsInlineLimit: 0,
      cssCodeSplit: false,
      rolldownOptions: { output: { codeSplitting: { groups: chunks } } },
    },
    server: { host: "127.0.0.1", proxy },
    resolve: mode === "test" ? { conditions: ["browser"] } : undefined,
    test: { environment: "node", include: ["tests/**/*.test.ts"] },
  };
});
