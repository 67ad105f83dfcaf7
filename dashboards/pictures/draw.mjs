// node draw.mjs STORY.json PICTURE.png [ROWS]: a dashboard as a picture, by Grafana's components in headless Chromium.
// ROWS: only so many of its rows of panels.  Ends with 1 if a panel failed to draw or has nothing to draw.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const [, , storyFile, picture, rows] = process.argv;
const story = JSON.parse(fs.readFileSync(storyFile, 'utf8'));
if (rows) {
  const heads = story.dashboard.panels.filter((panel) => panel.type === 'row');
  const end = heads[Number(rows)]?.gridPos.y ?? Infinity;
  story.dashboard.panels = story.dashboard.panels.filter((panel) => panel.gridPos.y < end);
}

// A module of the old kind, whose default export Grafana's modules of the new kind would not find.
const scrollbars = {
  name: 'scrollbars',
  setup(bundle) {
    bundle.onResolve({ filter: /^react-custom-scrollbars-2$/ }, ({ importer }) => importer.endsWith('.mjs') ? { path: 'scrollbars', namespace: 'shim' } : undefined);
    bundle.onLoad({ filter: /^scrollbars$/, namespace: 'shim' }, () => ({
      contents: "import { Scrollbars } from 'react-custom-scrollbars-2'; export { Scrollbars }; export default Scrollbars;", resolveDir: here, loader: 'js',
    }));
  },
};

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'pictures-'));
await build({
  entryPoints: [path.join(here, 'page.jsx')], bundle: true, outfile: path.join(work, 'page.js'), jsx: 'automatic', minify: true, logLevel: 'error', plugins: [scrollbars],
  nodePaths: [process.env.NODE_PATH ?? path.join(here, 'node_modules')], define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.svg': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl', '.png': 'dataurl' },
});
fs.writeFileSync(path.join(work, 'index.html'), `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="page.css"><style>
  body { background: #111217; color: #ccccdc; margin: 0; font-family: Inter, 'DejaVu Sans', sans-serif; font-size: 14px }
  .head { display: flex; gap: 18px; align-items: center; height: 48px; padding: 0 12px; font-size: 15px }
  .label { background: #181b1f; border: 1px solid #2c3235; padding: 5px 8px; color: #6e9fff; font-size: 12px }
  .value { border: 1px solid #2c3235; border-left: 0; padding: 5px 10px; font-size: 12px }
  .row { font-weight: 500; font-size: 15px; line-height: 34px }
  .empty { display: flex; height: 80%; align-items: center; justify-content: center; color: #8e8e9b }
  </style><body><div id="app"></div><script>window.process = { env: { NODE_ENV: 'production' } }; window.STORY = ${JSON.stringify(story)};</script>
  <script src="page.js"></script>`);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1500, height: 900 } });
  page.on('pageerror', (error) => console.error('page:', error.message.slice(0, 300)));
  await page.goto(`file://${work}/index.html`);
  await page.waitForSelector('body[data-done="1"]', { timeout: 60000 });
  const failed = await page.$$eval('[data-panel-error]', (all) => all.map((each) => `${each.dataset.panelError}: ${each.textContent.slice(0, 300)}`));
  const empty = await page.$$eval('[data-no-data]', (all) => all.map((each) => each.dataset.noData));
  await page.screenshot({ path: picture, fullPage: true });
  console.log(JSON.stringify({ picture, canvases: await page.$$eval('canvas', (all) => all.length), failed, empty }));
  process.exitCode = failed.length ? 1 : 0;
} finally {
  await browser.close();
  fs.rmSync(work, { recursive: true });
}
