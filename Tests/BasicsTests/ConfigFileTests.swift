import Basics
import TestSupport
import Testing

@Suite struct ConfigFileTests {
    /// One key of each kind, as a room would read them.
    struct Example: Equatable {
        enum Fruit: String, CaseIterable { case apple, pear, quince }
        var place = "here"
        var count = 10
        var share = 0.5
        var fast = false
        var fruit = Fruit.apple
        var seed: UInt64 = 1

        init() {}

        init(_ text: String, overrides: [String] = [], environment: [String: String] = [:]) throws {
            let file = try ConfigFile(text: text, path: "f.yaml", environment: environment)
            for override in overrides { try file.override(override) }
            place = try file.top.path("place", default: place)
            seed = try file.top.int("seed", default: seed, in: 0...UInt64.max)
            let walks = try file.section("walks")
            count = try walks.int("count", default: count, in: 1...10_000)
            share = try walks.double("share", default: share, in: .from(0, below: 1))
            let model = try file.section("model")
            fast = try model.bool("fast", default: fast)
            fruit = try model.choice("fruit", default: fruit)
            try file.finish()
        }
    }

    private func error(_ text: String, overrides: [String] = []) -> String {
        do {
            return "no error: \(try Example(text, overrides: overrides))"
        } catch {
            return "\(error)"
        }
    }

    /// A line with what is the same in most: the room before it, and what to do after it.
    private func whole(_ line: String) -> String {
        "config: \(line)" + (line.hasSuffix(".") || line.hasSuffix("?") ? "" : ". Correct it.")
    }

    @Test("every kind of value is read, and what is absent keeps its default")
    func reads() throws {
        var expected = Example()
        #expect(try Example("walks:\nseed: 1") == expected)
        expected.place = "there"
        expected.seed = .max
        expected.count = 2_000
        expected.share = 0.25
        expected.fast = true
        expected.fruit = .quince
        let text = """
            place: there   # a comment
            seed: 18446744073709551615
            walks: {count: 2_000, share: 2.5e-1}
            model:
              fast: true
              fruit: "quince"
            """
        #expect(try Example(text) == expected)
    }

    @Test("an override replaces what the file says, and its last word counts")
    func overrides() throws {
        let example = try Example(
            "walks: {count: 3}", overrides: ["walks.count=4", "walks.count=5", "model.fast=true"])
        #expect(example.count == 5)
        #expect(example.fast)
    }

    @Test(
        "what does not fit is one line with its place, what was expected and what was found",
        arguments: [
            ("walks:\n  count: 0", "f.yaml:2:10: walks.count: expected an integer from 1 to 10000, found 0"),
            ("walks:\n  count: 1.5", "f.yaml:2:10: walks.count: expected an integer from 1 to 10000, found 1.5"),
            (
                "walks:\n  count: \"7\"",
                "f.yaml:2:10: walks.count: expected an integer from 1 to 10000, found the text \"7\""
            ),
            (
                "walks:\n  count: 99999999999999999999",
                "f.yaml:2:10: walks.count: expected an integer from 1 to 10000, found 99999999999999999999"
            ),
            ("walks:\n  count:", "f.yaml:2:9: walks.count: expected an integer from 1 to 10000, found nothing"),
            ("walks:\n  count: [1]", "f.yaml:2:10: walks.count: expected an integer from 1 to 10000, found a list"),
            ("walks: {share: 1}", "f.yaml:1:16: walks.share: expected a number from 0.0 to below 1.0, found 1"),
            ("walks: {share: .nan}", "f.yaml:1:16: walks.share: expected a number from 0.0 to below 1.0, found .nan"),
            ("model: {fast: yes}", "f.yaml:1:15: model.fast: expected true or false, found yes"),
            (
                "model: {fruit: aple}",
                "f.yaml:1:16: model.fruit: expected one of apple, pear, quince, found aple. Did you mean apple?"
            ),
            ("model: {fruit: plum}", "f.yaml:1:16: model.fruit: expected one of apple, pear, quince, found plum"),
            ("walks: 7", "f.yaml:1:8: walks: expected a section of keys, found 7"),
            ("place: {a: 1}", "f.yaml:1:8: place: expected text, found a section"),
            ("place: \"\"", "f.yaml:1:8: place: expected a path, found nothing"),
            ("seed: -1", "f.yaml:1:7: seed: expected an integer from 0 to 18446744073709551615, found -1"),
        ])
    func misfits(text: String, line: String) {
        #expect(error(text) == whole(line))
    }

    @Test(
        "a key that nobody reads is named, with the names there are and the nearest",
        arguments: [
            (
                "walks:\n  cuont: 3",
                "f.yaml:2:3: walks.cuont: expected one of count, share, found unknown key cuont. Did you mean count?"
            ),
            (
                "walk:\n  count: 3",
                "f.yaml:1:1: walk: expected one of model, place, seed, walks, found unknown key walk. Did you mean walks?"
            ),
            (
                "walks:\n  fruit: pear",
                "f.yaml:2:3: walks.fruit: expected one of count, share, found unknown key fruit. Did you mean model.fruit?"
            ),
            (
                "walks: {zzzzzz: 3}",
                "f.yaml:1:9: walks.zzzzzz: expected one of count, share, found unknown key zzzzzz. Remove it."
            ),
        ])
    func unknownKeys(text: String, line: String) {
        #expect(error(text) == whole(line))
    }

    @Test(
        "a text that is not a config at all is one line",
        arguments: [
            ("", "f.yaml: config file: expected `key: value` lines, found nothing"),
            ("# only a comment\n", "f.yaml: config file: expected `key: value` lines, found nothing"),
            ("---\n", "f.yaml: config file: expected `key: value` lines, found nothing"),
            ("- 1\n- 2", "f.yaml:1:1: config file: expected `key: value` lines, found a list"),
            ("just words", "f.yaml:1:1: config file: expected `key: value` lines, found `just words`"),
            ("seed: 1\nseed: 2", "f.yaml:1:1: seed: expected each key once, found it again further down"),
            ("[1]: 2", "f.yaml:1:1: key: expected a name, found a list"),
        ])
    func notAConfig(text: String, line: String) {
        #expect(error(text) == whole(line))
    }

    @Test("a YAML fault has its line and column")
    func syntax() {
        let line = error("walks:\n  count: [1, 2\nseed: 3")
        #expect(line.hasPrefix("config: f.yaml:3:5: syntax: expected YAML, found a fault: "), "\(line)")
        #expect(!line.contains("\n"))
        #expect(error("a: 1\n---\nb: 2").hasPrefix("config: f.yaml:2:1: syntax: expected YAML, found a fault: "))
    }

    @Test(
        "an override's place is the override",
        arguments: [
            ("walks.count=x", "--set walks.count=x: walks.count: expected an integer from 1 to 10000, found x"),
            ("walks.count=", "--set walks.count=: walks.count: expected an integer from 1 to 10000, found nothing"),
            ("walks.count", "--set walks.count: override: expected SECTION.KEY=VALUE, found walks.count"),
            ("=3", "--set =3: override: expected SECTION.KEY=VALUE, found =3"),
            (
                "walk.count=3",
                "--set walk.count=3: walk.count: expected one of model, place, seed, walks, found unknown key walk. "
                    + "Did you mean walks?"
            ),
            (
                "walks.count.x=3",
                "--set walks.count.x=3: walks.count.x: expected one of count, share, found unknown key count.x. "
                    + "Did you mean count?"
            ),
        ])
    func overridePlaces(assignment: String, line: String) {
        #expect(error("seed: 1", overrides: [assignment]) == whole(line))
    }

    @Test("variables of the environment stand for their values in paths, and an unset one is named")
    func environment() throws {
        let environment = ["DATA": "/d", "NAME": "x y"]
        #expect(try Example("place: ${DATA}/a/${NAME}$", environment: environment).place == "/d/a/x y$")
        #expect(try Example("seed: 1", overrides: ["place=${DATA}"], environment: environment).place == "/d")
        #expect(
            error("seed: 1\nplace: ${DATA}/a") == "config: f.yaml:2:8: place: expected the environment variable DATA, "
                + "found no such variable. Set it, or write the path out.")
        #expect(error("place: ${DATA") == whole("f.yaml:1:8: place: expected `}` after `${`, found ${DATA"))
    }

    @Test("a file that is missing, a directory, or not text is one line with its path")
    func files() throws {
        func message(_ path: String) -> String {
            do {
                return "no error: \(try ConfigFile(path: path))"
            } catch { return "\(error)" }
        }
        let directory = try TemporaryDirectory()
        for (path, found) in [("/no/such.yaml", "no such file"), (directory.path, "a directory")] {
            #expect(
                message(path)
                    == "config: \(path): config file: expected a YAML file, found \(found). Name a config file.")
        }
        let binary = try directory.write([0xFF, 0xFE, 0x00, 0x80], to: "x.yaml")
        #expect(
            message(binary)
                == "config: \(binary): config file: expected UTF-8 text, found other bytes. Convert it with iconv.")
        let good = try directory.write(Array("seed: 4".utf8), to: "good.yaml")
        #expect(try ConfigFile(path: good).top.int("seed", default: 1, in: 0...9) == 4)
    }

    @Test("aliases of aliases, which would stand for 10³⁰ values, are refused at once; a few are read")
    func aliases() throws {
        let levels = (1..<30).map {
            "b\($0): &a\($0) [" + Array(repeating: "*a\($0 - 1)", count: 10).joined(separator: ",") + "]\n"
        }
        let bomb = "a: &a0 [x]\n" + levels.joined() + "? *a29\n: 1\n"
        #expect(throws: ConfigError.self) { try ConfigFile(text: bomb, path: "bomb.yaml") }
        let shouting = "# ***** a heading ***** \n# * a\n# * b\n".replacing("a", with: "*a*")
        let few = "a: &x 7\n" + (0..<4).map { "k\($0): *x\n" }.joined() + "e: tcp://*:5555\n"
        let file = try ConfigFile(text: shouting + few, path: "few.yaml")
        #expect(try file.top.int("k3", default: 0, in: 0...9) == 7)
        let nine = "a: &x 7\n" + (0..<9).map { "k\($0): *x\n" }.joined()
        #expect(
            error(nine).contains("config file: expected at most 8 aliases, found 9 words that begin with an asterisk"))
    }
}
