import unittest

from judge import judge


class JudgeTest(unittest.TestCase):
    def test_a_long_queue_is_degraded(self):
        self.assertEqual(judge({}, 200, '{"waiting": 100}').status, "healthy")
        long = judge({"degraded_above": 2}, 200, '{"waiting": 3}')
        self.assertEqual(long.status, "degraded")
        self.assertEqual(long.message, "3 jobs wait")

    def test_a_response_that_cannot_be_judged_is_an_error(self):
        for status, text, message in [
            (503, "", "the status is 503"),
            (200, "<html>", "the response is not JSON: "),
            (200, "{}", "the response does not say how many jobs wait"),
            (200, "null", "the response does not say how many jobs wait"),
            (200, '{"waiting": "3"}', "the response does not say how many jobs wait"),
        ]:
            with self.assertRaisesRegex(ValueError, message):
                judge({}, status, text)


if __name__ == "__main__":
    unittest.main()
