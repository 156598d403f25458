import { css } from "lit";

/** What every element starts from: box model, focus, links, controls, tables. */
export const base = css`
  :host {
    display: block;
    box-sizing: border-box;
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3,
  h4,
  p,
  ul,
  ol,
  dl,
  dd,
  figure,
  fieldset {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  fieldset {
    border: 0;
    min-width: 0;
  }
  a {
    color: var(--accent);
    text-underline-offset: 2px;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
    border-radius: 4px;
  }
  .quiet {
    color: var(--ink-3);
  }
  .small {
    font-size: 12.5px;
    line-height: 1.45;
  }
  .mono {
    font-family: var(--mono);
    font-size: 0.93em;
  }
  .sr {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      animation: none !important;
      transition: none !important;
    }
  }
`;

/** Buttons, selects and inputs. */
export const controls = css`
  button,
  select,
  input {
    font: inherit;
    font-variant-numeric: inherit;
    color: inherit;
  }
  button,
  select,
  input:not([type="checkbox"], [type="radio"]) {
    height: 34px;
    padding: 0 12px;
    border: 1px solid var(--rule-strong);
    border-radius: 7px;
    background: var(--surface);
  }
  select {
    padding-right: 8px;
  }
  button {
    cursor: pointer;
    font-weight: 550;
  }
  button:hover:not(:disabled) {
    border-color: var(--ink-2);
    background: var(--sunken);
  }
  button:disabled {
    cursor: default;
    color: var(--ink-3);
    border-color: var(--rule);
  }
  button.primary {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--accent-ink);
  }
  button.primary:hover:not(:disabled) {
    background: color-mix(in oklab, var(--accent) 88%, var(--ink));
  }
  button.primary:disabled {
    background: var(--grey-wash);
    border-color: var(--rule);
    color: var(--ink-3);
  }
  button.plain {
    border-color: transparent;
    background: none;
    color: var(--accent);
    padding: 0 6px;
  }
  input[type="checkbox"],
  input[type="radio"] {
    accent-color: var(--accent);
    margin: 0;
  }
`;

/** Tables of numbers: quiet heads, hairlines, figures to the right. */
export const tables = css`
  .scroll {
    overflow-x: auto;
  }
  table {
    width: 100%;
    border-collapse: collapse;
  }
  th,
  td {
    padding: 7px 10px;
    text-align: left;
    border-bottom: 1px solid var(--rule);
    vertical-align: baseline;
  }
  tr:last-child > td,
  tbody tr:last-child > th {
    border-bottom: 0;
  }
  thead th {
    font-size: 12.5px;
    font-weight: 500;
    color: var(--ink-3);
    white-space: nowrap;
  }
  tbody th {
    font-weight: 550;
  }
  th:first-child,
  td:first-child {
    padding-left: 0;
  }
  th:last-child,
  td:last-child {
    padding-right: 0;
  }
  .n {
    text-align: right;
    white-space: nowrap;
  }
  .narrow {
    display: none;
  }
  @media (max-width: 760px) {
    .wide {
      display: none;
    }
    .narrow {
      display: revert;
    }
    th,
    td {
      padding-inline: 7px;
    }
  }
`;
