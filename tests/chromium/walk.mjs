// Sessions in real Chromium: the scenarios of demo.mjs, page.mjs and cookies.mjs. Each is walked twice: once as it is,
// when it must hold, and once with a fault of front.mjs, when it must not.
//
//   walk.mjs MODULES APP PROVIDER SITE FOLDER [SCREENSHOTS]
//
// MODULES holds playwright-core, APP and PROVIDER are the demo's origins, SITE is the program for cookies.mjs, FOLDER
// takes the profiles. Screenshots, one for each page at the end of each scenario, go to SCREENSHOTS if it is given.
// CHROMIUM_ONLY is a regular expression for the names of the scenarios to walk.
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { cookieScenarios } from './cookies.mjs';
import { demoScenarios } from './demo.mjs';
import { faults, startFront } from './front.mjs';
import { pageScenarios } from './page.mjs';

const [modules, app, provider, siteProgram, folder, screenshots] = process.argv.slice(2);
const require = createRequire(resolve(modules) + '/');
const { chromium } = require('playwright-core');
const appPort = new URL(app).port;
const front = await startFront(Number(appPort));
const timeout = 60_000; // for each step of a page: machines may be slow
const launch = {
  executablePath: '/usr/bin/chromium',
  chromiumSandbox: process.getuid() !== 0,
  args: [
    '--disable-gpu',
    '--disable-quic',
    '--disable-sync',
    '--disable-component-update',
    '--disable-background-networking',
    '--host-resolver-rules=' + [
      ...[`localhost:${appPort}`, front.siteHost].map((host) => `MAP ${host} 127.0.0.1:${front.port}`),
      'MAP * ~NOTFOUND',
      'EXCLUDE 127.0.0.1',
    ].join(', '),
  ],
  ignoreDefaultArgs: ['--disable-back-forward-cache'],
};

const answerTo = (page, path, init) =>
  page.evaluate(async ([path, init]) => {
    const response = await fetch(path, init);
    return { status: response.status, opened: response.headers.get('x-opened'), text: await response.text() };
  }, [path, init]);
async function newPage(context, path, origin = app) {
  const page = await context.newPage();
  page.setDefaultTimeout(timeout);
  if (path) await page.goto(origin + path);
  return page;
}

// A name, what must hold, the fault with which it must not, and the walk, which gets a fresh context (`context`), opens
// a profile of its own as often as it likes (`openProfile`), and can have that browser die (`kill`).
const scenarios = [];
const scenario = (name, holds, fault, walk) => scenarios.push({ name, holds, fault, walk });

demoScenarios({ scenario, front, newPage, answerTo, app, provider, timeout });
pageScenarios({ scenario, front, newPage, answerTo, app, timeout });
const stopSite = await cookieScenarios(siteProgram, { scenario, front, newPage, answerTo });

const textOf = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // the process has ended
  }
};
// Kills the browser of a profile, which leads a session of its own: first its other processes, of which one has the
// cookies and would write them.
function killBrowserOf(profile) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const browser = pids.find((pid) => {
    const words = textOf(`/proc/${pid}/cmdline`).split(/[\0 ]/);
    return words.includes(`--user-data-dir=${profile}`) && !words.some((word) => word.startsWith('--type='));
  });
  const sessionOf = (pid) => textOf(`/proc/${pid}/stat`).split(') ').at(-1).split(' ')[3];
  const others = pids.filter((pid) => pid !== browser && sessionOf(pid) === browser);
  for (const pid of [...others, browser]) process.kill(Number(pid), 'SIGKILL');
}

// Walks through a scenario with what it needs, and ends all that it has opened. Gives the error, if there is one.
async function outcome({ name, walk }, fault, browser) {
  front.reset();
  front.fault = fault ? faults[fault] : null;
  const opened = [];
  const profile = mkdtempSync(join(folder, 'profile-'));
  const needs = {
    context: await browser.newContext(),
    openProfile: async () => {
      opened.push(await chromium.launchPersistentContext(profile, launch));
      return opened.at(-1);
    },
    kill: async (context) => {
      const closed = context.waitForEvent('close');
      killBrowserOf(profile);
      await closed;
    },
  };
  opened.push(needs.context);
  try {
    await walk(needs);
  } catch (error) {
    return error;
  } finally {
    const pages = opened.flatMap((context) => context.pages());
    for (const [i, page] of screenshots ? pages.entries() : []) {
      const path = join(screenshots, `${name}${fault ? '-control' : ''}-${i + 1}.png`);
      await page.screenshot({ path }).catch((error) => console.log(`no screenshot: ${error.message}`));
    }
    for (const context of opened) await context.close();
  }
}

let failures = 0;
const only = process.env.CHROMIUM_ONLY;
const browser = await chromium.launch(launch);
console.log(`Chromium ${browser.version()}, playwright-core ${require('playwright-core/package.json').version}`);
for (const each of scenarios) {
  if (only && !each.name.match(only)) continue;
  const begin = Date.now();
  const error = await outcome(each, null, browser);
  const control = await outcome(each, each.fault, browser);
  const seconds = ((Date.now() - begin) / 1000).toFixed(1);
  failures += (error ? 1 : 0) + (control ? 0 : 1);
  console.log(`${error ? 'FAILED' : 'ok'} ${each.name}: ${each.holds} (${seconds} s)`);
  if (error) console.log(error.stack);
  if (control) console.log(`   not when ${each.fault}: ${control.message.split('\n')[0]}`);
  else console.log(`FAILED ${each.name}: it holds even when ${each.fault}`);
}
await browser.close();
stopSite();
await front.stop();
process.exitCode = failures ? 1 : 0;
