// What must hold of the demo's page through the browser's half (bindings/browser): several tabs, offline, a sleep, a
// logout elsewhere, a session that is over.
import assert from 'node:assert/strict';

// Adds the scenarios to walk.mjs's.
export function pageScenarios({ scenario, front, newPage, answerTo, app, timeout }) {
  const logged = (page, text) => page.locator('#log', { hasText: text }).waitFor({ timeout: timeout / 3 });
  const says = (page, text) => page.locator('#page', { hasText: new RegExp(`^${text}$`) }).waitFor();
  const refreshed = 'this session: refreshed';
  const isRefresh = ({ method, path }) => method === 'POST' && path === '/api/auth/refresh';
  const refreshes = () => front.exchanges.filter(isRefresh).length;
  async function signIn(page) {
    await page.goto(`${app}/login`);
    await says(page, 'signedIn');
  }

  scenario('tabs-refresh-ahead', 'three tabs refresh ahead of the end, once for all, and each is told',
    'each tab refreshes for itself', async ({ context }) => {
      // Slow enough that a tab that does not wait for another's answer asks, too.
      front.holds = (exchange) => isRefresh(exchange) && new Promise((done) => setTimeout(done, 2000));
      const tabs = [await newPage(context), await newPage(context), await newPage(context)];
      await signIn(tabs[0]);
      for (const tab of tabs.slice(1)) {
        await tab.goto(app);
        await says(tab, 'signedIn');
      }
      const before = refreshes();
      await Promise.all(tabs.map((tab) => tab.evaluate(() => (document.getElementById('log').textContent = ''))));
      await Promise.all(tabs.map((tab) => logged(tab, refreshed)));
      // One that begins as the last tab is told is the next one.
      const answered = front.exchanges.filter((exchange) => isRefresh(exchange) && exchange.answer).length - before;
      assert.ok(answered <= 2, `${answered} refreshes`);
      const statuses = front.exchanges.filter(isRefresh).map(({ answer }) => answer?.status ?? 200);
      assert.ok(statuses.every((status) => status === 200), `refused: ${statuses}`);
    });

  scenario('offline', 'a page says that it is offline, and catches up at once when it is back',
    'the page asks for no refresh', async ({ context }) => {
      const page = await newPage(context);
      await page.clock.install();
      await signIn(page);
      await context.setOffline(true);
      await says(page, 'signedIn, offline');
      await page.clock.fastForward('01:00:00');
      const before = refreshes();
      await context.setOffline(false);
      await says(page, 'signedIn');
      await logged(page, refreshed);
      assert.ok(refreshes() > before);
    });

  scenario('sleep', 'a page that has slept for hours refreshes when it wakes, and is signed in',
    'the page asks for no refresh', async ({ context }) => {
      const page = await newPage(context);
      await page.clock.install();
      await signIn(page);
      await page.clock.fastForward('08:00:00');
      await logged(page, refreshed);
      await says(page, 'signedIn');
    });

  scenario('logout-elsewhere', 'a tab is told of a logout in another tab without asking the server',
    'tabs do not tell each other', async ({ context }) => {
      const [first, second] = [await newPage(context), await newPage(context)];
      await signIn(first);
      await second.goto(app);
      await says(second, 'signedIn');
      await first.route('**/api/auth/**', (route) => route.abort());
      await second.click('[data-do=logout]');
      await logged(first, 'this session: signedOut');
    });

  scenario('comes-back', 'a call with a session that is over leads to sign in, and back',
    'no refusal has a reason', async ({ context }) => {
      const page = await newPage(context);
      await signIn(page);
      assert.equal((await answerTo(page, '/api/auth/logout', { method: 'POST' })).status, 204);
      const login = page.waitForRequest(`${app}/login?returnTo=%2F`, { timeout: timeout / 4 });
      await page.click('[data-do=call]');
      await login;
      await says(page, 'signedIn');
    });
}
