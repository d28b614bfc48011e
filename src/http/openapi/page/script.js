// The search: shows what has all the words that were typed. The page is read without it too.
"use strict";
const search = document.getElementById("search");
const articles = [...document.querySelectorAll("article")];
const links = [...document.querySelectorAll("nav li")];
const texts = new Map(articles.map((article) => [article, article.textContent.toLowerCase()]));

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = new Set();
  for (const article of articles) {
    const text = texts.get(article);
    article.hidden = !words.every((word) => text.includes(word));
    if (!article.hidden) fits.add(article.id);
  }
  for (const link of links) {
    link.hidden = !fits.has(link.querySelector("a").hash.slice(1));
  }
  for (const section of document.querySelectorAll("main section")) {
    section.hidden = section.querySelector("article:not([hidden])") === null;
  }
}

search.hidden = false;
search.addEventListener("input", show);
