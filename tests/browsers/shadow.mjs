// Whose cookies a browser holds, as far as that follows from the answers that it got, in their order: of which session
// is each place (a domain, path and partition; whole or in chunks). The last answer counts, but for what it cannot
// delete; each of those causes has a name, and is one of the excuses in README.md.
import { livesFor } from './options.mjs';

const margin = 2; // seconds: seals and Max-Age count whole ones
const clockSkew = 60;

function lifeOf({ ttl, maxAge, untilBrowserCloses, expires }) {
  return JSON.stringify([ttl, maxAge, untilBrowserCloses, expires]);
}

export class Shadow {
  constructor(knowsPartitioned, places = new Map()) {
    this.knowsPartitioned = knowsPartitioned;
    this.places = places;
    this.inFe26 = new Set(); // sids
  }
  copy() {
    const copied = new Shadow(this.knowsPartitioned, new Map(this.places));
    copied.inFe26 = new Set(this.inFe26);
    return copied;
  }

  #key({ domain, path, partitioned }, form) {
    return `${domain}|${path}|${partitioned && this.knowsPartitioned}|${form}`;
  }

  // An answer whose request was committed at `committed` wrote the session `sid` in that form, `whole` or `chunks`.
  write({ sid, write, options, form, begins, brought, committed, now, isLate }) {
    if (begins) this.#deleteFormer(options, brought);
    else this.#doubtFormer(options);
    const other = form === 'whole' ? 'chunks' : 'whole';
    if (other === 'whole' || options.chunk || brought.chunks) this.places.delete(this.#key(options, other));
    if (options.formats[0] === 'fe26') this.inFe26.add(sid);
    const { seal, cookie } = livesFor(options, committed);
    const { cookie: delivered } = livesFor(options, now);
    this.places.set(this.#key(options, form), {
      sid,
      write, // the number of the request that made its content
      format: options.formats[0],
      committed,
      life: lifeOf(options),
      isLate, // by an answer that was made with other options than today's
      end: committed + (Math.min(seal, cookie) - margin) * 1000,
      gone: Math.min(committed + (seal + clockSkew + margin) * 1000, now + (delivered + margin) * 1000),
    });
  }
  logout({ options, brought }) {
    for (const form of ['whole', 'chunks']) this.places.delete(this.#key(options, form));
    this.#deleteFormer(options, brought);
  }
  // A write, too, deletes them where both came, or do not fit together.
  #doubtFormer({ former }) {
    for (const shape of former) {
      for (const form of ['whole', 'chunks']) {
        const place = this.places.get(this.#key(shape, form));
        if (place) this.places.set(this.#key(shape, form), { ...place, end: 0 });
      }
    }
  }

  #deleteFormer({ former, chunk }, brought) {
    for (const shape of former) {
      this.places.delete(this.#key(shape, 'whole'));
      if (chunk || brought.chunks) this.places.delete(this.#key(shape, 'chunks'));
    }
  }

  // The contents that a session may have now: of its cookies the seal made last counts, to the second. Fe26.2 does not
  // say when that was.
  writes(sid, now) {
    const places = [...this.places.values()].filter((place) => place.sid === sid && now < place.gone);
    if (places.some(({ format }) => format === 'fe26')) return new Set(places.map(({ write }) => write));
    const second = ({ committed }) => Math.floor(committed / 1000);
    const last = Math.max(0, ...places.filter(({ end }) => end > 0).map(second));
    return new Set(places.filter((place) => second(place) >= last).map(({ write }) => write));
  }

  // Whether of the session's only cookie, made with these options, more than half is over, so that `rolling` renews it.
  isHalfOver(sid, options, now) {
    const [place, ...more] = [...this.places.values()];
    if (place?.sid !== sid || more.length > 0 || place.life !== lifeOf(options)) return false;
    const life = Math.min(livesFor(options, now).seal, options.maxAge ?? Infinity);
    return now > place.committed + (life / 2 + margin) * 1000;
  }

  isLate() {
    return [...this.places.values()].some(({ isLate }) => isLate);
  }

  // Under a __Host- name, whether two cookies may be of one session and not be known as such: Fe26.2 does not tell, nor
  // does what was sealed natively of such ones.
  isUntold(now, denied) {
    const open = this.#open(now, denied);
    return open.length > 1 && open.some(({ sid }) => this.inFe26.has(sid));
  }
  #open(now, denied) {
    return [...this.places.values()].filter(({ sid, gone }) => !denied.has(sid) && now < gone);
  }

  // Who one may be now: sessions' sids, and `nobody`.
  allowed(now, denied, isUnique) {
    const open = this.#open(now, denied);
    const who = new Set(open.map(({ sid }) => sid));
    const planted = isUnique && (who.size > 1 || this.isUntold(now, denied));
    if (!open.some(({ end }) => now < end) || planted) who.add('nobody');
    return who;
  }
}
