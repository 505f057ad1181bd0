// The addon, which the build puts beside this file. Node shows its own OpenSSL and simdjson to all that it loads, and
// those that the library is linked with would run half on them, which crashes where the versions differ: hence a scope
// of the addon's own.
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const { RTLD_NOW, RTLD_DEEPBIND = 0 } = constants.dlopen; // the latter is glibc's
const addon = { exports: {} };
process.dlopen(addon, fileURLToPath(new URL('./ironjar.node', import.meta.url)), RTLD_NOW | RTLD_DEEPBIND);

export default addon.exports;
