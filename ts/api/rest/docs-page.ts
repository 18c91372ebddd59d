/**
 * The docs page: every model with its signatures, and a form that sends a request.
 *
 * One document without anything from elsewhere, so that it works on machines without a network. It reads `/openapi.json`
 * beside it; what it shows is text, never markup taken from a model.
 */
export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Servable</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #d9730d; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1.5rem; }
h1 { font-size: 1.3rem; margin: 0 0 1rem; } h1 small { font-weight: normal; opacity: .6; }
main { display: grid; gap: 1.5rem; grid-template-columns: minmax(16rem, 1fr) 2fr; }
@media (max-width: 50rem) { main { grid-template-columns: 1fr; } }
section { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
button, input, select, textarea { font: inherit; border: 1px solid var(--line); border-radius: .3rem; padding: .3rem .5rem; background: var(--soft); color: inherit; }
button { cursor: pointer; } button.send { background: var(--accent); border-color: var(--accent); color: #fff; }
ul { list-style: none; margin: 0; padding: 0; } li button { width: 100%; text-align: left; margin: .1rem 0; }
li button[aria-current=true] { border-color: var(--accent); }
label { display: block; margin: .5rem 0 .2rem; } label input, label select { width: 100%; box-sizing: border-box; }
textarea { width: 100%; box-sizing: border-box; min-height: 12rem; font-family: ui-monospace, monospace; font-size: 13px; }
pre { background: var(--soft); border-radius: .3rem; margin: .5rem 0 0; max-height: 24rem; overflow: auto; padding: .6rem; white-space: pre-wrap; word-break: break-word; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } td, th { border-bottom: 1px solid var(--line); padding: .2rem .4rem; text-align: left; }
.bad { color: #c22; } .good { color: #282; }
</style>
</head>
<body>
<h1>Servable <small id="version"></small> <small><a href="openapi.json">openapi.json</a></small></h1>
<main>
<section aria-label="Requests"><h2>Requests</h2><ul id="operations"></ul><p id="empty" hidden>No model is loaded yet.</p></section>
<section aria-label="Try it">
<h2 id="title">Try it</h2>
<p id="description"></p>
<form id="form">
<label id="signatureLabel">Signature <select id="signature"></select></label>
<label>Path <input id="path" name="path" spellcheck="false" required></label>
<label>Token <input id="token" name="token" type="password" autocomplete="off" placeholder="none"></label>
<label for="body" id="bodyLabel">Body</label>
<textarea id="body" name="body" spellcheck="false"></textarea>
<p><button class="send" id="send">Send</button> <span id="status" role="status"></span></p>
</form>
<pre id="answer" aria-label="Answer" hidden></pre>
</section>
</main>
<script>
'use strict';
const $ = (id) => document.getElementById(id);
let description = null;
let current = null;
function resolve(schema) {
  return schema.$ref ? schema.$ref.slice(2).split('/').reduce((at, key) => at[key], description) : schema;
}
// Ones in the schema's shape: what a request needs that is too long to stand in the description.
function sample(schema) {
  if (schema.const !== undefined) return schema.const;
  const [first] = schema.oneOf || schema.anyOf || [];
  if (first) return sample(first);
  if (schema.type === 'object') return Object.fromEntries((schema.required || []).map((key) => [key, sample(schema.properties[key] || {})]));
  if (schema.type === 'array') return Array(schema.minItems || 1).fill(sample(schema.items));
  if (schema.type === 'boolean') return true;
  return schema.type === 'string' ? 'text' : 1;
}
// The bodies to start from, by signature.
function bodies(operation) {
  if (!operation.requestBody) return {};
  const { schema, examples } = resolve(operation.requestBody).content['application/json'];
  const made = {};
  for (const each of schema.anyOf || [schema]) {
    if (each.title) made[each.title] = () => sample(each);
  }
  for (const [name, example] of Object.entries(examples || {})) made[name] = () => example.value;
  return made;
}
function choose(operation, button) {
  current = operation;
  for (const other of document.querySelectorAll('#operations button')) other.removeAttribute('aria-current');
  button.setAttribute('aria-current', 'true');
  $('title').textContent = operation.summary;
  $('description').textContent = operation.description || '';
  $('path').value = operation.path;
  $('body').hidden = $('bodyLabel').hidden = operation.method !== 'POST';
  const names = Object.keys(operation.bodies);
  $('signatureLabel').hidden = names.length < 2;
  $('signature').replaceChildren(...names.map((name) => new Option(name)));
  fill();
  $('answer').hidden = true;
  $('status').textContent = '';
}
function fill() {
  const body = current.bodies[$('signature').value];
  $('body').value = body ? print(body()) : '';
}
// Short values on one line each: an image is a line a row, not a line a number.
function print(value, pad = '') {
  const line = JSON.stringify(value);
  if (line.length <= 120 || typeof value !== 'object') return line;
  const inner = pad + ' ';
  const list = Array.isArray(value);
  const items = list ? value.map((each) => print(each, inner)) : Object.entries(value).map(([key, each]) => JSON.stringify(key) + ': ' + print(each, inner));
  return (list ? '[' : '{') + '\\n' + items.map((item) => inner + item).join(',\\n') + '\\n' + pad + (list ? ']' : '}');
}
async function send(event) {
  event.preventDefault();
  const headers = {};
  if ($('token').value) headers.authorization = 'Bearer ' + $('token').value;
  const post = current.method === 'POST';
  if (post) headers['content-type'] = 'application/json';
  $('send').disabled = true;
  $('status').textContent = '…';
  const began = performance.now();
  try {
    const answer = await fetch($('path').value, { method: current.method, headers, body: post ? $('body').value : undefined });
    const text = await answer.text();
    const version = answer.headers.get('x-servable-model-version');
    $('status').textContent = answer.status + ' in ' + (performance.now() - began).toFixed(1) + ' ms' + (version ? ', version ' + version : '');
    $('status').className = answer.ok ? 'good' : 'bad';
    $('answer').textContent = text;
    $('answer').hidden = false;
  } catch (error) {
    $('status').textContent = String(error);
    $('status').className = 'bad';
  } finally {
    $('send').disabled = false;
  }
}
async function start() {
  description = await (await fetch('openapi.json')).json();
  $('version').textContent = description.info.version;
  const operations = [];
  for (const [path, item] of Object.entries(description.paths)) {
    if (path.includes('{')) continue;
    for (const [method, operation] of Object.entries(item)) {
      if (!operation.summary) continue;
      operations.push({ path, method: method.toUpperCase(), summary: operation.summary, description: operation.description, bodies: bodies(operation) });
    }
  }
  operations.sort((a, b) => (a.method === 'POST' ? 0 : 1) - (b.method === 'POST' ? 0 : 1));
  $('empty').hidden = operations.some((operation) => operation.method === 'POST');
  for (const operation of operations) {
    const button = document.createElement('button');
    button.textContent = operation.method + ' ' + operation.path;
    button.onclick = () => choose(operation, button);
    const item = document.createElement('li');
    item.append(button);
    $('operations').append(item);
  }
  const first = document.querySelector('#operations button');
  if (first) first.click();
}
$('form').onsubmit = send;
$('signature').onchange = fill;
start().catch((error) => { $('status').textContent = String(error); $('status').className = 'bad'; });
</script>
</body>
</html>
`;
