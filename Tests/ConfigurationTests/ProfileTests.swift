import Configuration
import Foundation
import Testing

/// The config files that come with the program.
@Suite struct ProfileTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("configs").path

    private func load(_ name: String) throws -> PipelineSettings {
        try PipelineSettings.load(path: "\(Self.folder)/\(name).yaml")
    }

    @Test("every config file loads")
    func all() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".yaml") }
        #expect(Set(["article.yaml", "paper.yaml", "recommended.yaml", "demo.yaml"]).isSubset(of: names))
        for name in names { _ = try load(String(name.dropLast(5))) }
    }

    @Test("the recommended settings are the defaults, and the file says each of those that decide numbers")
    func recommended() throws {
        let recommended = try load("recommended")
        #expect(recommended.differences(from: PipelineSettings()).isEmpty)
        // Every key is written out: the file does not follow a default that changes.
        let text = try String(contentsOfFile: Self.folder + "/recommended.yaml", encoding: .utf8)
        let written = Set(
            text.split(separator: "\n").map { $0.prefix { $0 != ":" }.trimmingCharacters(in: .whitespaces) })
        for line in PipelineSettings().resolvedYAML().split(separator: "\n").prefix(while: { $0 != "samplers:" }) {
            let key = line.prefix { $0 != ":" }.trimmingCharacters(in: .whitespaces)
            #expect(written.contains(key) || key == "seed", "\(key) is not in recommended.yaml")
        }
    }

    @Test("the paper's and the article's settings are theirs")
    func sources() throws {
        let (paper, article) = (try load("paper"), try load("article"))
        #expect(paper.walks.top == 50 && paper.walks.restart == 0.5)
        #expect(article.walks.top == 25 && article.walks.restart == 0)
        #expect(article.walks.count == 10 && article.walks.steps == 50)
        #expect(paper.batch.sharedNegatives == 500)
        #expect(article.training.margin == 0.1)
        #expect(paper.model.popularityPrior == 0 && article.model.popularityPrior == 0)
        #expect(paper.model.head == ModelSettings.Head.paper && article.model.head == ModelSettings.Head.none)
    }
}
