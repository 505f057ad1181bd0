// A function whose last answers are kept, by a key that stands for all of its arguments.
export function remembering(make, capacity = 128) {
  const answers = new Map();
  return (key, ...rest) => {
    let answer = answers.get(key);
    if (answer === undefined) {
      answer = make(key, ...rest);
      if (answers.size >= capacity) answers.delete(answers.keys().next().value);
      answers.set(key, answer);
    }
    return answer;
  };
}
